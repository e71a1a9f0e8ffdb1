using MailCluster.Shared.Limits;
using Xunit;

namespace MailCluster.Shared.Tests.Limits;

/// <summary>OXSMTP-EV-12: at each threshold and one octet beyond it, on the way down and on the way back.</summary>
public sealed class ResourceLevelTests
{
    private static readonly ResourceThresholds Thresholds = new(1000, 2000);
    private static readonly ResourceReading Plenty = new(1_000_000, 0, 100, []);

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-12")]
    [InlineData(false, 1000, false)]
    [InlineData(false, 999, true)]
    [InlineData(true, 1099, true)]
    [InlineData(true, 1100, false)]
    [InlineData(true, 0, true)]
    public void Disk_is_short_below_what_is_wanted_and_well_a_tenth_above_it(bool was, long free, bool isShort) =>
        Assert.Equal(
            new ResourceLevel(isShort, false, false),
            new ResourceLevel(was, false, false).Next(Plenty with { FreeDisk = free }, Thresholds));

    [Theory]
    [InlineData(false, 2000, false)]
    [InlineData(false, 2001, true)]
    [InlineData(true, 1901, true)]
    [InlineData(true, 1900, false)]
    public void The_process_is_too_large_above_what_is_allowed_and_well_at_95_percent(
        bool was, long used, bool isShort) =>
        Assert.Equal(
            new ResourceLevel(false, isShort, false),
            new ResourceLevel(false, was, false).Next(Plenty with { ProcessMemory = used }, Thresholds));

    [Theory]
    [InlineData(false, 9400, false)]
    [InlineData(false, 9401, true)]
    [InlineData(true, 8931, true)]
    [InlineData(true, 8930, false)]
    public void Any_memory_around_the_process_is_short_above_94_percent(bool was, long used, bool isShort) =>
        Assert.Equal(
            new ResourceLevel(false, false, isShort),
            new ResourceLevel(false, false, was).Next(
                Plenty with { Memories = [new(10, 1_000_000), new(used, 10_000)] }, Thresholds));

    [Fact]
    public void Without_a_number_the_process_may_have_85_percent_of_the_least_bound()
    {
        var thresholds = Thresholds with { MaxProcessMemory = null };
        var bounded = Plenty with { Memories = [new(0, 100_000), new(0, 10_000), new(0, 1_000_000)] };

        Assert.Equal(8500, thresholds.ProcessMemory(bounded));
        Assert.False(default(ResourceLevel).Next(bounded with { ProcessMemory = 8500 }, thresholds).IsShort);
        Assert.True(default(ResourceLevel).Next(bounded with { ProcessMemory = 8501 }, thresholds).IsProcessShort);
        Assert.Null(thresholds.ProcessMemory(Plenty));
    }

    [Fact]
    public void Pages_that_the_store_fills_again_are_free_disk_up_to_half_of_what_is_wanted()
    {
        Assert.False(Is(Plenty with { FreeDisk = 700, ReusableDisk = 300 }));
        Assert.True(Is(Plenty with { FreeDisk = 700, ReusableDisk = 299 }));
        Assert.False(Is(Plenty with { FreeDisk = 500, ReusableDisk = long.MaxValue }));
        Assert.True(Is(Plenty with { FreeDisk = 499, ReusableDisk = long.MaxValue }));

        static bool Is(ResourceReading reading) => default(ResourceLevel).Next(reading, Thresholds).IsDiskShort;
    }

    [Fact]
    public void What_cannot_be_read_is_not_short_and_zero_asks_for_no_disk()
    {
        var all = new ResourceLevel(true, true, true);

        Assert.False(all.Next(new(null, 0, null, []), Thresholds).IsShort);
        Assert.False(all.Next(Plenty with { FreeDisk = 0 }, new(0, null)).IsShort);
    }

    [Fact]
    public void Numbers_near_the_end_of_their_range_do_not_wrap()
    {
        var huge = new ResourceThresholds(long.MaxValue, long.MaxValue);

        var level = new ResourceLevel(true, true, true).Next(
            new(long.MaxValue - 1, 0, long.MaxValue, [new(long.MaxValue, long.MaxValue)]), huge);

        Assert.True(level.IsDiskShort);
        Assert.True(level.IsMemoryShort);
    }
}
