using MailCluster.Actors.Limits;
using MailCluster.Actors.Tests.Kernel;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>I6 on real threads.</summary>
[Trait("Requirement", "OXSMTP-EV-16")]
public sealed class PoolPermitTests
{
    [Fact]
    public async Task Permits_never_exceed_the_limit_and_all_are_given_back()
    {
        const int Limit = 3;
        await using var system = Simulated.OnThePool();
        using var meters = new QuietMeters();
        var limits = new SourceLimits(
            system, new SourceLimitOptions { HomesMax = 2 }, new LimitsMetrics(meters), NullLoggerFactory.Instance);
        SourceKey[] sources = [Source, Other, Address("2001:db8::1")];
        var held = new int[sources.Length];
        var most = new int[sources.Length];
        var refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                var at = (i + thread) % sources.Length;
                var connection = (thread * 1_000_000L) + i;
                if (await limits.AdmitAsync(Gateway, sources[at], connection, Limit) != Admission.Admitted)
                {
                    Interlocked.Increment(ref refused);
                    continue;
                }

                var now = Interlocked.Increment(ref held[at]);
                InterlockedMax(ref most[at], now);
                if (i % 16 == 0)
                {
                    await Task.Yield();
                }

                Interlocked.Decrement(ref held[at]);
                limits.Release(Gateway, sources[at], connection);
            }
        })));
        Assert.All(most, count => Assert.InRange(count, 1, Limit));
        foreach (var connection in (long[])[1, 2, 3])
        {
            Assert.Equal(Admission.Admitted, await limits.AdmitAsync(Gateway, Source, -connection, Limit));
        }

        Assert.Equal(Admission.TooMany, await limits.AdmitAsync(Gateway, Source, -4, Limit));
        Assert.True(refused > 0, "Nothing was refused, so nothing was tried.");
    }

    private static void InterlockedMax(ref int most, int value)
    {
        var seen = Volatile.Read(ref most);
        while (value > seen)
        {
            seen = Interlocked.CompareExchange(ref most, value, seen) is var now && now == seen ? value : now;
        }
    }
}
