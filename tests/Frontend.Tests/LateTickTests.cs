using Xunit;

namespace MailCluster.Frontend.Tests;

/// <summary>
/// A timer that is disposed may come once more, on a thread of the pool, where an exception is the end of the process:
/// a node that had drained in order would end as one that crashed.
/// </summary>
public sealed class LateTickTests
{
    [Fact]
    public async Task A_tick_that_comes_when_the_node_is_taken_down_throws_nothing()
    {
        var time = new RecordedTimers();
        var node = new RunningNode { Time = time };
        await node.InitializeAsync();
        await node.Node.DisposeAsync();

        // The watches and clocks of the edge, the kernel's deadlines, the sweeps of the store.
        Assert.True(time.Timers.Count >= 6, $"Only {time.Timers.Count} timers were made.");
        Assert.All(time.Timers, static timer => timer.Callback(timer.State));
        Directory.Delete(Path.GetDirectoryName(node.DataDirectory)!, recursive: true);
    }

    private sealed class RecordedTimers : TimeProvider
    {
        private readonly Lock _gate = new();
        private readonly List<(TimerCallback Callback, object? State)> _timers = [];

        public IReadOnlyList<(TimerCallback Callback, object? State)> Timers
        {
            get
            {
                lock (_gate)
                {
                    return [.. _timers];
                }
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                _timers.Add((callback, state));
            }

            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
