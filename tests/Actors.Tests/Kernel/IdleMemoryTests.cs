using MailCluster.Actors.Kernel;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

[Collection(nameof(IdleMemoryTests))]
public sealed class IdleMemoryTests
{
    private const int Entities = 100_000;

    /// <summary>Header, method table and the field that every actor has.</summary>
    private const int SmallestActorOctets = 24;

    [Fact]
    public async Task An_idle_entity_costs_at_most_300_octets_beyond_its_own_state()
    {
        // Off the stack of the test before, which still holds what it made.
        await Task.Yield();
        await using var system = Simulated.OnThePool();
        var region = new ShardRegion<int, Letter>(
            system, "quiet", static _ => new Quiet(), new ActorOptions { EntitiesMax = Entities });
        var letter = new Letter(1);
        var before = SettledMemory.Read();
        for (var key = 0; key < Entities; key++)
        {
            Assert.True(region.Tell(key, letter));
        }

        await Quiet.All.Task.WaitAsync(TestContext.Current.CancellationToken);
        var each = (SettledMemory.Read() - before) / (double)Entities;
        Assert.Equal(Entities, region.Count);
        TestContext.Current.TestOutputHelper?.WriteLine($"{each:F1} octets per entity with its smallest state");

        Assert.InRange(each - SmallestActorOctets, 1, 300);
    }

    private sealed class Quiet : Actor<Letter>
    {
        private static int s_handled;

        public static TaskCompletionSource All { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override void Receive(Letter message)
        {
            if (Interlocked.Increment(ref s_handled) == Entities)
            {
                All.SetResult();
            }
        }
    }
}

[CollectionDefinition(nameof(IdleMemoryTests), DisableParallelization = true)]
public sealed class IdleMemoryAlone;
