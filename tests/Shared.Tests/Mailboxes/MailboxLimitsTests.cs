using System.Text;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Shared.Tests.Mailboxes;

public sealed class MailboxLimitsTests
{
    private const int None = MailboxLimits.None;

    [Theory]
    [InlineData(null, null, null, null, LimitLevel.Configuration)]
    [InlineData(100L, null, null, 100L, LimitLevel.Tenant)]
    [InlineData(100L, 200L, null, 200L, LimitLevel.Domain)]
    [InlineData(100L, 200L, 300L, 300L, LimitLevel.Mailbox)]
    [InlineData(100L, null, 300L, 300L, LimitLevel.Mailbox)]
    [InlineData(100L, null, (long)None, null, LimitLevel.Mailbox)]
    [InlineData(null, (long)None, null, null, LimitLevel.Domain)]
    [InlineData((long)None, 0L, null, 0L, LimitLevel.Domain)]
    [Trait("Requirement", "STANXPOP3-E0003")]
    public void The_most_particular_level_that_says_something_counts(
        long? tenant, long? domain, long? mailbox, long? expected, LimitLevel from)
    {
        var limits = EffectiveLimits.Of(
            new(None, 90, None), Storage(tenant), Storage(domain), Storage(mailbox));

        Assert.Equal(new EffectiveLimit(expected, from), limits.Storage);
        Assert.Equal(new EffectiveLimit(90, LimitLevel.Configuration), limits.Warning);
        Assert.Equal(new EffectiveLimit(null, LimitLevel.Configuration), limits.Retention);
    }

    [Theory]
    [InlineData(1000L, 90, 900L)]
    [InlineData(1L, 1, 1L)]
    [InlineData(999L, 50, 500L)]
    [InlineData(MailboxLimits.StorageOctetsMax, 100, MailboxLimits.StorageOctetsMax)]
    [InlineData(0L, 90, null)]
    [InlineData((long)None, 90, null)]
    [InlineData(1000L, None, null)]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_warning_is_due_from_its_part_of_the_quota_on(long storage, int percent, long? expected) =>
        Assert.Equal(expected, Of(storage, percent).WarningOctets);

    [Theory]
    [InlineData(1000L, 0L, 1000L, true)]
    [InlineData(1000L, 0L, 1001L, false)]
    [InlineData(1000L, 999L, 0L, true)]
    [InlineData(1000L, 1000L, 0L, false)]
    [InlineData(0L, 0L, 0L, false)]
    [InlineData(1000L, 1500L, 0L, false)]
    [InlineData(1000L, 1L, long.MaxValue, false)]
    [InlineData((long)None, long.MaxValue, long.MaxValue, true)]
    [Trait("Requirement", "EX07-RFC-1870")]
    public void There_is_room_up_to_the_quota_and_no_message_is_empty(
        long storage, long used, long size, bool expected) =>
        Assert.Equal(expected, Of(storage, 90).HasRoom(used, size));

    [Fact]
    public void What_is_greater_than_the_quota_never_fits()
    {
        Assert.True(Of(1000, 90).NeverFits(1001));
        Assert.False(Of(1000, 90).NeverFits(1000));
        Assert.False(Of(None, 90).NeverFits(long.MaxValue));
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-3834")]
    [Trait("Requirement", "STANXPOP3-E0004")]
    public void A_notice_says_that_a_program_made_it_and_how_full_the_mailbox_is()
    {
        var octets = QuotaNotice.Write(
            "jörg@example.test", new BodyId(255), 9 * 1024 * 1024, 10 * 1024 * 1024,
            new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.Zero));

        var text = Encoding.UTF8.GetString(octets);
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.Equal(
            [
                "Return-Path: <>",
                "Date: Tue, 3 Feb 2026 04:05:06 +0000",
                "From: <postmaster@example.test>",
                "To: <jörg@example.test>",
                "Subject: Your mailbox is 90 % full",
                "Message-ID: <quota.FF.19C21ACE950@example.test>",
                "Auto-Submitted: auto-generated",
                "MIME-Version: 1.0",
                "Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: 8bit",
            ],
            text[..end].Split("\r\n"));
        Assert.Contains("holds 9 MiB of the 10 MiB that it may hold (90 %).", text[end..], StringComparison.Ordinal);
        Assert.DoesNotContain('\n', text.Replace("\r\n", "", StringComparison.Ordinal));
        Assert.All(text.Split("\r\n"), line => Assert.InRange(line.Length, 0, 78));
    }

    [Theory]
    [InlineData(0L, "0 octets")]
    [InlineData(1023L, "1023 octets")]
    [InlineData(1024L, "1 KiB")]
    [InlineData(1536L * 1024 * 1024, "1.5 GiB")]
    [InlineData(MailboxLimits.StorageOctetsMax, "4 EiB")]
    public void Sizes_are_readable(long octets, string expected) => Assert.Equal(expected, QuotaNotice.Size(octets));

    private static MailboxLimits Storage(long? octets) => new(octets, null, null);

    private static EffectiveLimits Of(long storage, int percent) => EffectiveLimits.Of(
        new(storage, percent, None), MailboxLimits.Inherited, MailboxLimits.Inherited, MailboxLimits.Inherited);
}
