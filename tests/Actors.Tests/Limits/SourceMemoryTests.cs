using MailCluster.Actors.Limits;
using MailCluster.Actors.Tests.Kernel;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>What a flood from many sources can cost, on the real pool.</summary>
[Collection(nameof(IdleMemoryTests))]
public sealed class SourceMemoryTests
{
    private const int Sources = 100_000;

    [Fact]
    public async Task A_home_with_a_window_takes_at_most_500_octets_and_one_with_a_permit_1100()
    {
        // Off the stack of the test before, which still holds what it made.
        await Task.Yield();
        await using var system = Simulated.OnThePool();
        using var meters = new QuietMeters();
        var limits = new SourceLimits(
            system, new SourceLimitOptions(), new LimitsMetrics(meters), NullLoggerFactory.Instance);
        var before = SettledMemory.Read();
        for (ulong i = 0; i < Sources; i++)
        {
            Assert.Equal(RateVerdict.Taken, await limits.TakeMessageAsync(Gateway, RateKey.Of(Key(i)), 600));
        }

        var window = (SettledMemory.Read() - before) / (double)Sources;
        for (ulong i = 0; i < Sources; i++)
        {
            Assert.Equal(Admission.Admitted, await limits.AdmitAsync(Gateway, Key(i), (long)i, 20));
        }

        var permit = (SettledMemory.Read() - before) / (double)Sources;
        TestContext.Current.TestOutputHelper?.WriteLine($"window {window:F0}, and a permit {permit:F0} octets");
        Assert.InRange(window, 1, 500);
        Assert.InRange(permit, 1, 1100);
    }

    [Fact]
    public async Task A_million_debts_take_at_most_64_octets_each_and_no_more_come()
    {
        // Off the stack of the test before, which still holds what it made.
        await Task.Yield();
        await using var system = Simulated.OnThePool();
        using var meters = new QuietMeters();
        var limits = new SourceLimits(
            system, new SourceLimitOptions { HomesMax = 1000 }, new LimitsMetrics(meters), NullLoggerFactory.Instance);
        const int Debts = 1_000_000;
        var before = SettledMemory.Read();
        for (ulong i = 0; i < Debts + 1000; i++)
        {
            limits.OweTarpit(Key(i));
        }

        var each = (SettledMemory.Read() - before) / (double)Debts;
        TestContext.Current.TestOutputHelper?.WriteLine($"debt {each:F1} octets");
        Assert.InRange(each, 1, 64);
        Assert.Equal(Admission.Admitted, await limits.AdmitAsync(Gateway, Key(0), 1, 20));
        Assert.Equal(Admission.AdmittedOwing, await limits.AdmitAsync(Gateway, Key(Debts), 2, 20));
    }

    private static SourceKey Key(ulong number) => new(true, number);
}
