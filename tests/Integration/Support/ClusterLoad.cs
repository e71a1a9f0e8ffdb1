using System.Globalization;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>Senders to and readers from all nodes that run.</summary>
internal sealed class ClusterLoad
{
    private readonly NodeCluster _cluster;
    private readonly Ledger _ledger = new();

    public ClusterLoad(NodeCluster cluster, int seed)
    {
        _cluster = cluster;
        Senders = new Senders((client, attempt) => cluster.Any(client + attempt), _ledger, cluster.Users, seed);
        Readers = new Readers((client, attempt) => cluster.Any(client + attempt), _ledger, cluster.Users / 2, seed);
        Senders.Start();
        Readers.Start();
    }

    public Senders Senders { get; }

    public Readers Readers { get; }

    public void Run(int messages)
    {
        int enough = _ledger.Acknowledged + messages;
        Until.True(
            () => _ledger.Acknowledged >= enough, $"{messages} more messages are acknowledged",
            TimeSpan.FromSeconds(90));
    }

    public void End(ITestOutputHelper output)
    {
        Senders.Stop();
        Readers.Stop();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{_ledger.Acknowledged} acknowledged, {Senders.Refused} refused, {Senders.Failed} transactions failed; "
                + $"{_ledger.Removed} removed in {Readers.Sessions} sessions, {Readers.Failed} of them failed"));
        output.WriteLine(Senders.Refusals);
        output.WriteLine(Readers.Failures);
        Assert.True(_ledger.Removed > 0, "Nothing was removed.");
        _cluster.WaitUntilDelivered();
        _ledger.AssertKept(_cluster.Any(0)!, _cluster.Users);
    }
}
