using MailCluster.Actors.Accounts;
using Xunit;

namespace MailCluster.Actors.Tests.Accounts;

public sealed class WorkLaneTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Work_beyond_the_queue_is_turned_away_and_the_rest_is_done()
    {
        using var lane = new WorkLane("test", threads: 1, queueMax: 2);
        using var gate = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var first = lane.TryRun(() =>
        {
            started.Set();
            gate.Wait(Cancelled);
            return 1;
        });
        started.Wait(Cancelled);

        var second = lane.TryRun(() => 2);
        var third = lane.TryRun(() => "three");
        Assert.Null(lane.TryRun(() => 4));
        gate.Set();

        Assert.Equal(1, await first!);
        Assert.Equal(2, await second!);
        Assert.Equal("three", await third!);
    }

    [Fact]
    public async Task A_failure_is_the_askers_and_the_thread_goes_on()
    {
        using var lane = new WorkLane("test", threads: 1, queueMax: 2);

        await Assert.ThrowsAsync<FormatException>(() => lane.TryRun<int>(() => throw new FormatException())!);
        Assert.Equal(2, await lane.TryRun(() => 2)!);
    }

    [Fact]
    public async Task Who_waits_when_the_lane_ends_is_cancelled_and_what_runs_is_done()
    {
        var lane = new WorkLane("test", threads: 1, queueMax: 2);
        using var gate = new ManualResetEventSlim();
        using var started = new ManualResetEventSlim();
        var running = lane.TryRun(() =>
        {
            started.Set();
            gate.Wait(Cancelled);
            return 1;
        });
        started.Wait(Cancelled);
        var waiting = lane.TryRun(() => 2);

        lane.Dispose();
        gate.Set();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting!);
        Assert.Equal(1, await running!);
        Assert.Null(lane.TryRun(() => 3));
    }
}
