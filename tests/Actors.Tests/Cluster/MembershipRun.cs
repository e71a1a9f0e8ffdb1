using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Nodes over one simulated database in virtual time. At every change and every millisecond no shard has two homes;
/// for how long each had none is kept.
/// </summary>
internal sealed class MembershipRun : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(1);

    private const int FaultId = 3022;

    private readonly Random _random;
    private readonly TimeSpan?[] _homelessSince;
    private readonly ITimer _looking;
    private string? _failure;

    public MembershipRun(int seed, int shards = 32)
    {
        Seed = seed;
        Scheduler = new SeededScheduler((ulong)seed) { StepsMax = 100_000_000 };
        Database = new SimulatedClusterDatabase(Scheduler, seed, shards);
        _random = new Random(seed);
        _homelessSince = new TimeSpan?[shards];
        Database.Moved += Check;
        _looking = Scheduler.Time.CreateTimer(_ => Look(), null, s_look, s_look);
    }

    public int Seed { get; }

    public SeededScheduler Scheduler { get; }

    public SimulatedClusterDatabase Database { get; }

    public MembershipOptions Options { get; init; } = new() { BatchShards = 8 };

    public List<MemberNode> Nodes { get; } = [];

    public IEnumerable<MemberNode> Running => Nodes.Where(node => node.IsRunning);

    /// <summary>The longest that a shard was nowhere since <see cref="Forget"/>.</summary>
    public TimeSpan Homeless { get; private set; }

    /// <summary>Part of tells that are lost. 0 to 1.</summary>
    public double LostTells { get; set; }

    public bool HasHomes => Enumerable.Range(0, Database.ShardCount).All(shard => HomeOf(shard) is not null);

    public MemberNode Start(string name, TimeSpan wallSkew = default)
    {
        var node = new MemberNode(this, name, wallSkew);
        Nodes.Add(node);
        Begin(() => JoinAsync(node));
        return node;
    }

    private static async Task JoinAsync(MemberNode node)
    {
        while (node.IsRunning)
        {
            try
            {
                await node.JoinAsync();
                return;
            }
            catch (Exception failure) when (failure is StoreUnavailableException or NodeNameTakenException)
            {
                // As who runs the program would: start it again.
            }
        }
    }

    /// <summary>So many nodes that have what is theirs.</summary>
    public void StartAll(int count)
    {
        for (var i = 0; i < count; i++)
        {
            Start($"n{i + 1}");
        }

        Until(IsBalanced, TimeSpan.FromSeconds(10));
        Forget();
    }

    public void Begin(Func<Task> body) => Scheduler.Post(async () => await body());

    public void Advance(double seconds)
    {
        Scheduler.Advance(TimeSpan.FromSeconds(seconds));
        Verify();
    }

    /// <summary>Nothing that residents or invariants complained of was caught by the loop.</summary>
    public void Verify()
    {
        foreach (var node in Nodes)
        {
            var fault = node.Log.Lines.FirstOrDefault(line => line.Id == FaultId);
            Assert.True(fault == default, $"seed {Seed}: {node.Name} met a fault. {_failure} {Describe()}");
        }

        Assert.True(_failure is null, _failure);
    }

    public void Until(Func<bool> condition, TimeSpan most)
    {
        var end = Scheduler.Time.Now + most;
        while (!condition())
        {
            Assert.True(Scheduler.Time.Now < end, $"seed {Seed}: still not after {most}. {Describe()}");
            Scheduler.Advance(TimeSpan.FromMilliseconds(1));
        }

        Verify();
    }

    /// <summary>Every shard has a home, and nodes that run differ by one at most.</summary>
    public bool IsBalanced()
    {
        var counts = Running.Select(Count).ToArray();
        return HasHomes && counts.Max() - counts.Min() <= 1;
    }

    public int Count(MemberNode node) => Enumerable.Range(0, Database.ShardCount).Count(
        shard => node.Members.Find(new ShardId(0, shard)).Kind == HomeKind.Here);

    public MemberNode? HomeOf(int shard) => Running.FirstOrDefault(
        node => node.Members.Find(new ShardId(0, shard)).Kind == HomeKind.Here);

    public void Forget()
    {
        Homeless = default;
        Array.Clear(_homelessSince);
    }

    /// <summary>False: no invariant is looked at.</summary>
    public bool IsChecking { get; set; } = true;

    public void Check()
    {
        if (!IsChecking)
        {
            return;
        }

        for (var i = 0; i < _homelessSince.Length; i++)
        {
            var shard = new ShardId(0, i);
            MemberNode? home = null;
            foreach (var node in Running)
            {
                if (node.Members.Find(shard) is { Kind: HomeKind.Here } here)
                {
                    if (home is not null)
                    {
                        Fail($"{shard} is at {home.Name} and {node.Name}");
                    }

                    home = node;
                    if (!Database.IsCurrent(node.Members.Self, new ShardEpoch(shard, here.Epoch)))
                    {
                        Fail($"{node.Name} serves {shard}, which is not its own");
                    }
                }
            }
        }
    }

    public void Tell(MemberNode from, NodePeer to, byte[] octets)
    {
        if (!from.IsRunning || _random.NextDouble() < LostTells)
        {
            return;
        }

        Scheduler.PostAfter(TimeSpan.FromMicroseconds(_random.Next(100, 1000)), () =>
        {
            foreach (var node in Running)
            {
                if (node.Members.Self == to && !node.Time.IsPaused)
                {
                    node.Members.Told(from.Members.Self, ShardsMoved.Parser.ParseFrom(octets));
                }
            }
        });
    }

    public string Describe() => string.Join("; ", Nodes.Select(node =>
        $"{node.Name} {node.Members.Self} here {Count(node)} running {node.IsRunning} "
        + string.Join(',', node.Told.TakeLast(4))))
        + $" at {Scheduler.Time.Now}";

    public void Dispose() => _looking.Dispose();

    private void Fail(string what) => _failure ??= $"seed {Seed}: {what}. {Describe()}";

    private void Look()
    {
        Check();
        for (var i = 0; i < _homelessSince.Length; i++)
        {
            if (HomeOf(i) is not null)
            {
                _homelessSince[i] = null;
                continue;
            }

            _homelessSince[i] ??= Scheduler.Time.Now;
            var since = Scheduler.Time.Now - _homelessSince[i]!.Value;
            Homeless = since > Homeless ? since : Homeless;
        }
    }
}
