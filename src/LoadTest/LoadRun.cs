using System.Security.Cryptography;
using MailCluster.LoadTest.Chaos;
using MailCluster.LoadTest.Clients;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest;

/// <summary>A scenario from the checks before it to the verdict of its ledger.</summary>
public static class LoadRun
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>Ends early, with what there is, when the token is cancelled; then nothing is compared.</summary>
    public static async Task<LoadResult> RunAsync(LoadWishes wishes, CancellationToken cancellationToken)
    {
        var scenario = WithReadyFiles(wishes);
        wishes.Chaos.Check(wishes.ReadyFiles, scenario.Duration, wishes.Partition is not null);
        await Preflight.CheckAsync(scenario, wishes.AdminToken is not null, cancellationToken);
        using var watch = new ServerWatch(scenario.Targets, wishes.Groups);
        var run = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
        var users = new Population(scenario.Users, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)));
        await MakeUsersAsync(wishes, scenario, users, cancellationToken);

        using var ledger = Ledger.Create(wishes.LedgerPath, Head(scenario, users, run));
        using var loop = new EventLoop(wishes.Time);
        var targets = new TargetSet(scenario.Targets);
        var context = new RunContext(loop, scenario, targets, users, run) { Ledger = ledger };
        loop.TurnEnded = ledger.Write;
        var seconds = new List<RunSecond>();
        var drive = new LoadDrive(context, scenario, wishes.Grace, second =>
        {
            seconds.Add(second);
            wishes.Second?.Invoke(second);
        });
        var happenings = new List<(double At, string Text)>();
        await DriveAsync(wishes, loop, drive, watch, targets, ledger, happenings, cancellationToken);
        var ended = wishes.Time.GetTimestamp();
        await Ignoring(watch.RestAsync(wishes.Time, wishes.Settling, cancellationToken));

        var operations = drive.Totals.ToArray();
        var reasons = drive.Reasons.ToArray();
        var result = new LoadResult
        {
            Scenario = scenario,
            Run = run,
            LedgerPath = wishes.LedgerPath,
            Operations = operations,
            Reasons = reasons,
            Seconds = seconds,
            Happenings = happenings,
            Bottlenecks = Bottleneck.Find(seconds, operations, reasons),
            ServerCpuSeconds = watch.CpuSeconds,
            Rest = wishes.Time.GetElapsedTime(ended),
        };
        if (!scenario.Checks || cancellationToken.IsCancellationRequested)
        {
            return result;
        }

        var checking = CheckAsync(wishes, targets.All[0].Target, cancellationToken);
        await Ignoring(checking);
        return checking.IsCompletedSuccessfully ? result with { Verdict = await checking } : result;
    }

    private static async Task DriveAsync(
        LoadWishes wishes, EventLoop loop, LoadDrive drive, ServerWatch watch, TargetSet targets, Ledger ledger,
        List<(double At, string Text)> happenings, CancellationToken cancellationToken)
    {
        using var beside = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var chaos = new ChaosDriver(
            wishes.Chaos, wishes.ReadyFiles, wishes.Restart, wishes.Partition, $"{wishes.LedgerPath}.node.log",
            wishes.Time);
        var turns = loop.Start("load");
        Task watching = Task.CompletedTask, hurting = Task.CompletedTask;
        try
        {
            await watch.ReadAsync(wishes.Time, beside.Token); // what is used from here on is the run's
            var begun = wishes.Time.GetTimestamp();
            loop.Post(drive.Start);
            watching = WatchAsync(wishes, loop, drive, watch, ledger, beside.Token);
            hurting = chaos.RunAsync(
                text =>
                {
                    happenings.Add((wishes.Time.GetElapsedTime(begun).TotalSeconds, text));
                    wishes.Happened?.Invoke(text);
                },
                (node, target) => loop.Post(() => targets.Replace(node, target)), beside.Token);
            await using (cancellationToken.Register(() => loop.Post(drive.Stop)))
            {
                // A failure of the loop or of the chaos ends the run at once; the chaos's end does not.
                await Task.WhenAny(drive.Ended, turns, FailureOf(hurting, drive.Ended));
            }
        }
        finally
        {
            await beside.CancelAsync();
            loop.Stop();
            await turns;
            ledger.Finish();
        }

        await Ignoring(watching);
        await Ignoring(hurting);
        await drive.Ended;
    }

    /// <summary>Ends when the task has failed, or with the other one.</summary>
    private static async Task FailureOf(Task task, Task otherwise)
    {
        await Task.WhenAny(task, otherwise);
        if (!task.IsFaulted)
        {
            await otherwise;
        }
    }

    /// <summary>A task that was told to end; what else it failed by is thrown.</summary>
    private static async Task Ignoring(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            // It was told to.
        }
    }

    /// <summary>Once a second: the ledger goes to the disk, the servers are asked how they are.</summary>
    private static async Task WatchAsync(
        LoadWishes wishes, EventLoop loop, LoadDrive drive, ServerWatch watch, Ledger ledger,
        CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick, wishes.Time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            ledger.FlushToDisk();
            var (cores, memory) = await watch.ReadAsync(wishes.Time, cancellationToken);
            loop.Post(() => drive.SetServer(cores, memory));
        }
    }

    private static Task<LedgerVerdict> CheckAsync(
        LoadWishes wishes, Target target, CancellationToken cancellationToken)
    {
        var looks = new CheckWishes
        {
            Pop3 = target.Pop3,
            Pop3s = target.Pop3s,
            Admin = target.Admin,
            AdminToken = wishes.AdminToken,
            Time = wishes.Time,
        };
        return LedgerCheck.SettleAsync(wishes.LedgerPath, looks, wishes.Settling, cancellationToken);
    }

    private static async Task MakeUsersAsync(
        LoadWishes wishes, Scenario scenario, Population users, CancellationToken cancellationToken)
    {
        if (!scenario.Users.Makes)
        {
            return;
        }

        var admin = scenario.Targets.First(target => target.Admin is not null).Admin!;
        using var api = new AdminApi(admin, wishes.AdminToken);
        var tenths = 0;
        await api.MakeAsync(users, made =>
        {
            if (made * 10L / users.Count > Volatile.Read(ref tenths))
            {
                Volatile.Write(ref tenths, (int)(made * 10L / users.Count));
                if (users.Count >= 1000)
                {
                    wishes.Happened?.Invoke(FormattableString.Invariant($"{made:N0} of {users.Count:N0} users made"));
                }
            }
        }, cancellationToken);
        wishes.Happened?.Invoke(FormattableString.Invariant($"{users.Count:N0} users are there"));
    }

    private static Scenario WithReadyFiles(LoadWishes wishes) => wishes.ReadyFiles.Count == 0
        ? wishes.Scenario
        : wishes.Scenario with { Targets = [.. wishes.ReadyFiles.Select(file => ReadyFile.Read(file).Target)] };

    private static LedgerHead Head(Scenario scenario, Population users, string run)
    {
        var target = scenario.Targets[0];
        return new LedgerHead
        {
            Run = run,
            Scenario = scenario.Name,
            Users = users.Count,
            Tenants = scenario.Users.Tenants,
            Name = scenario.Users.Name,
            Domain = scenario.Users.Domain,
            Password = scenario.Users.Password,
            Secret = users.Secret,
            Proxied = scenario.Sources.Proxied > 0,
            Pop3 = target.Pop3?.ToString(),
            Pop3s = target.Pop3s?.ToString(),
            Admin = target.Admin?.ToString(),
        };
    }
}
