using System.Diagnostics.Metrics;
using MailCluster.Actors.Kernel;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class ActorMetricsTests
{
    [Fact]
    public void Alive_actors_restarts_passivations_and_dead_letters_are_counted()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        var meter = meters.Create("MailCluster");
        var sums = new SortedDictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter, meter))
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Count(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var name = tags.Length == 0 ? instrument.Name : $"{instrument.Name}[{tags[0].Value}]";
            sums[name] = sums.GetValueOrDefault(name) + value;
        }

        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Count(instrument, value, tags));
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Count(instrument, value, tags));
        listener.Start();

        var scheduler = new SeededScheduler(1);
        var system = new ActorSystem(
            scheduler, scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance, meters);
        var region = new ShardRegion<int, Letter>(
            system,
            "probes",
            _ => new Probe((self, letter) =>
            {
                if (letter.Number == 0)
                {
                    throw new InvalidOperationException("as asked");
                }

                self.Here.Passivate();
            }),
            new ActorOptions { MailboxCapacity = 1 });
        region.Tell(1, new Letter(0));
        region.Tell(1, new Letter(2));
        region.Tell(2, new Letter(1));
        region.Tell(3, new Letter(0));
        scheduler.RunUntilIdle();
        Assert.Equal(
            new SortedDictionary<string, long>(StringComparer.Ordinal)
            {
                ["mailcluster.actors.alive"] = 2,
                ["mailcluster.actors.dead_letters[failed]"] = 2,
                ["mailcluster.actors.dead_letters[mailbox_full]"] = 1,
                ["mailcluster.actors.passivations"] = 1,
                ["mailcluster.actors.restarts"] = 2,
            },
            sums);
        scheduler.Run(() => system.DisposeAsync().AsTask());
        Assert.Equal(0, sums["mailcluster.actors.alive"]);
    }
}
