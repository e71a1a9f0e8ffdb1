using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Many seeds of everything at once. At every change and every millisecond <see cref="MembershipRun"/> checks that no
/// shard has two homes and that whoever serves one may write to it.
/// </summary>
public sealed class MembershipChaosTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 60)];

    [Theory, MemberData(nameof(Seeds))]
    public void Whatever_happens_no_shard_has_two_homes_and_in_the_end_each_has_one(int seed)
    {
        using var run = new MembershipRun(seed, shards: 24);
        Play(run, seed);
        Assert.True(run.Scheduler.Time.Now > TimeSpan.FromSeconds(10));
    }

    [Theory, InlineData(3), InlineData(1234), InlineData(99)]
    public void One_seed_is_one_run(int seed)
    {
        ulong Trace()
        {
            using var run = new MembershipRun(seed, shards: 24);
            Play(run, seed);
            return run.Scheduler.Trace;
        }

        Assert.Equal(Trace(), Trace());
    }

    private static void Play(MembershipRun run, int seed)
    {
        var random = new Random(seed);
        run.Database.LostAnswers = random.NextDouble() * 0.1;
        run.Database.SlowCalls = random.NextDouble() * 0.1;
        run.LostTells = random.NextDouble();
        run.Database.NotifyDelay = random.Next(2) == 0 ? null : TimeSpan.FromMilliseconds(2);
        var names = 0;
        for (; names < 3; names++)
        {
            run.Start($"n{names}", TimeSpan.FromMinutes(random.Next(-90, 90)));
        }

        for (var i = 0; i < 16; i++)
        {
            run.Advance(random.NextDouble() * 1.5);
            Fault(run, random, ref names);
        }

        Heal(run);
        run.Advance(10);
        if (!run.Running.Any())
        {
            run.Start("last");
        }

        run.Until(run.IsBalanced, TimeSpan.FromSeconds(20));
        run.Advance(3);
        run.Until(run.IsBalanced, TimeSpan.FromSeconds(1));
    }

    private static void Fault(MembershipRun run, Random random, ref int names)
    {
        var running = run.Running.ToArray();
        if (running.Length == 0)
        {
            run.Start($"n{names++}");
            return;
        }

        var node = running[random.Next(running.Length)];
        switch (random.Next(9))
        {
            case 0 when running.Length > 1:
                node.Kill();
                break;
            case 1 when running.Length < 5:
                run.Start($"n{names++}");
                break;
            case 2:
                node.Kill();
                run.Start(node.Name);
                break;
            case 3 when !node.Time.IsPaused:
                node.Pause();
                break;
            case 4:
                node.Store.IsCutOff = !node.Store.IsCutOff;
                break;
            case 5:
                run.Database.IsAway = !run.Database.IsAway;
                break;
            case 6 when running.Length > 1 && !node.Time.IsPaused:
                Drain(run, node);
                break;
            case 7 when node.Time.IsPaused:
                node.Resume();
                break;
            case 8:
                Heal(run);
                break;
        }
    }

    private static void Drain(MembershipRun run, MemberNode node) => run.Begin(async () =>
    {
        using var most = new CancellationTokenSource(TimeSpan.FromSeconds(10), node.Time);
        await node.Members.DrainAsync(most.Token);
        await node.Members.DisposeAsync();
        node.IsRunning = false;
    });

    private static void Heal(MembershipRun run)
    {
        run.Database.IsAway = false;
        run.Database.LostAnswers = 0;
        run.Database.SlowCalls = 0;
        foreach (var node in run.Running.ToArray())
        {
            node.Store.IsCutOff = false;
            if (node.Time.IsPaused)
            {
                node.Resume();
            }
        }
    }
}
