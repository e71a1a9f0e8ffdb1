namespace MailCluster.Simulation;

/// <summary>
/// What goes wrong in a run, as its plan has drawn it: kinds overlap, and each ends by itself or with
/// <see cref="HealAsync"/>.
/// </summary>
internal sealed class Faults(World world)
{
    private const int NodesMax = 6;

    private readonly List<Task> _lasting = [];
    private int _outages;

    public async Task RunAsync(Chance chance)
    {
        if (world.Plan.Faults.IsEmpty)
        {
            return;
        }

        while (true)
        {
            await world.WaitAsync(chance.Milliseconds(0, world.Plan.FaultPauseMilliseconds));
            if (world.IsOver)
            {
                return;
            }

            var kind = chance.Of(world.Plan.Faults);
            world.Events.Add($"fault {kind}");
            world.Count($"fault {kind}");
            _lasting.Add(BeginAsync(kind, chance.Split()));
        }
    }

    /// <summary>What lasts comes to its end; then nothing is wrong any more.</summary>
    public async Task HealAsync()
    {
        await Task.WhenAll(_lasting);
        foreach (var node in world.Nodes)
        {
            node.Resume();
            node.IsCutOff = false;
            if (node.Process.IsDead)
            {
                node.Start();
            }
        }

        world.Events.Add($"healed");
    }

    private Task BeginAsync(Fault kind, Chance chance) => kind switch
    {
        Fault.Crash => CrashAsync(chance),
        Fault.Pause => PauseAsync(chance),
        Fault.PartitionOfNodes => PartitionAsync(chance),
        Fault.PartitionFromDatabase => CutOffAsync(chance),
        Fault.CutOfLink => CutAsync(chance),
        Fault.SlowLinks => SlowLinksAsync(chance),
        Fault.DatabaseOutage => OutageAsync(chance),
        Fault.SlowCommits => SlowCommitsAsync(chance),
        Fault.SlowMembership => SlowMembershipAsync(chance),
        Fault.ClockJump => JumpAsync(chance),
        Fault.Restart => RestartAsync(chance.Of(world.Nodes), chance),
        Fault.RollingRestart => RollAsync(chance),
        Fault.Join => JoinAsync(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private async Task CrashAsync(Chance chance)
    {
        var node = chance.Of(world.Nodes);
        if (node.Process.IsDead || node.IsLeaving)
        {
            return;
        }

        node.Kill();
        await world.WaitAsync(chance.Milliseconds(0, chance.OneIn(2) ? 300 : 6000));
        node.Start();
    }

    private async Task PauseAsync(Chance chance)
    {
        var node = chance.Of(world.Nodes);
        if (node.Process.IsPaused)
        {
            return;
        }

        node.Pause();
        await world.WaitAsync(chance.Milliseconds(100, chance.OneIn(2) ? 2500 : 7000));
        node.Resume();
    }

    private async Task PartitionAsync(Chance chance)
    {
        var one = chance.Of(world.Nodes);
        var other = chance.Of(world.Nodes);
        if (one == other || one.Id == other.Id)
        {
            return;
        }

        var (first, second) = (one.Id, other.Id);
        world.Network.Partition(first, second);
        await world.WaitAsync(chance.Milliseconds(100, 6000));
        world.Network.Heal(first, second);
    }

    private async Task CutOffAsync(Chance chance)
    {
        var node = chance.Of(world.Nodes);
        node.IsCutOff = true;
        await world.WaitAsync(chance.Milliseconds(100, 6000));
        node.IsCutOff = false;
    }

    private Task CutAsync(Chance chance)
    {
        world.Network.Cut(chance.Of(world.Nodes).Id, chance.Of(world.Nodes).Id);
        return Task.CompletedTask;
    }

    private async Task SlowLinksAsync(Chance chance)
    {
        var before = world.Network.Jitter;
        world.Network.Jitter = chance.Milliseconds(5, 300);
        await world.WaitAsync(chance.Milliseconds(500, 4000));
        world.Network.Jitter = before;
    }

    private async Task OutageAsync(Chance chance)
    {
        _outages++;
        if (_outages == 1)
        {
            world.Database.GoAway();
        }

        await world.WaitAsync(chance.Milliseconds(50, chance.OneIn(2) ? 1000 : 7000));
        _outages--;
        if (_outages == 0)
        {
            world.Database.ComeBack();
        }
    }

    private async Task SlowCommitsAsync(Chance chance)
    {
        world.Database.Slowness = chance.Between(10, 400);
        await world.WaitAsync(chance.Milliseconds(500, 4000));
        world.Database.Slowness = 1;
    }

    private async Task SlowMembershipAsync(Chance chance)
    {
        world.Tables.SlowCalls = chance.Between(1, 5) / 10.0;
        world.Tables.SlowBy = chance.Milliseconds(100, 2000);
        world.Tables.LostAnswers = chance.Between(0, 3) / 10.0;
        await world.WaitAsync(chance.Milliseconds(500, 4000));
        world.Tables.SlowCalls = 0;
        world.Tables.LostAnswers = 0;
    }

    private Task JumpAsync(Chance chance)
    {
        chance.Of(world.Nodes).ClockSkew = chance.Milliseconds(0, 4000) - TimeSpan.FromSeconds(2);
        return Task.CompletedTask;
    }

    private async Task RestartAsync(Node node, Chance chance)
    {
        if (!node.TakesClients)
        {
            return;
        }

        await node.LeaveAsync();
        await world.WaitAsync(chance.Milliseconds(50, 1500));
        node.Start();
    }

    private async Task RollAsync(Chance chance)
    {
        foreach (var node in world.Nodes.ToArray())
        {
            await RestartAsync(node, chance);
            await world.WaitAsync(chance.Milliseconds(200, 1500));
        }
    }

    private Task JoinAsync()
    {
        if (world.Nodes.Count < NodesMax)
        {
            world.AddNode();
        }

        return Task.CompletedTask;
    }
}
