using Xunit;

namespace MailCluster.Shared.Tests;

public sealed class ShardTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 632)]
    [InlineData(2, 241)]
    [InlineData(1000, 34)]
    [InlineData((7L << MailboxId.CellShift) + 1, 11)]
    public void The_shard_of_a_mailbox_is_the_same_for_ever(long mailbox, int shard) =>
        Assert.Equal(shard, new MailboxId(mailbox).Shard);

    [Fact]
    public void Mailboxes_made_one_after_the_other_spread_evenly()
    {
        var counts = new int[MailboxId.Shards];
        for (var number = 1; number <= 100 * MailboxId.Shards; number++)
        {
            counts[new MailboxId(number).Shard]++;
        }

        Assert.InRange(counts.Min(), 90, 100);
        Assert.InRange(counts.Max(), 100, 110);
    }
}
