using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>
/// What many sessions of one large mailbox cost (`benchmarks maildrop` measures the same on the real store).
/// </summary>
public sealed class SnapshotSharingTests
{
    private const int Messages = 100_000;
    private const int Sessions = 1_000;

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0004")]
    public void A_thousand_sessions_share_one_snapshot_and_none_costs_memory_by_the_message()
    {
        using var run = new MailboxRun();
        var large = new MailboxId(9);
        run.Store.Add(large, [.. Enumerable.Range(1, Messages).Select(
            number => new MessageEntry(new MessageNumber(number), new BodyId(number), 100, 103))]);
        var first = run.Scheduler.Run(() => run.OpenAsync(large))!;
        Assert.Equal(Messages, first.Messages.Length);
        var loads = run.Store.Loads;

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var session = 0; session < Sessions; session++)
        {
            Assert.Same(first, run.Scheduler.Run(() => run.OpenAsync(large)));
        }

        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / Sessions;
        Assert.True(each < 16 * 1024, $"{each} octets for a session that opens {Messages} messages");
        Assert.Equal(loads, run.Store.Loads);
    }
}
