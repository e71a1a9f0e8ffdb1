using System.Collections.Immutable;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Edge;

/// <summary>What the drivers carry out effects with: one set per node.</summary>
internal sealed class EdgeServices(
    IMailStore store,
    AccountDirectory directory,
    MailboxQuotas quotas,
    Logins logins,
    SourceLimits limits,
    ResourceWatch resources,
    OverloadGate overload,
    MessageAcceptor acceptor,
    Maildrops maildrops,
    ShortestRetention retention,
    CertificateShelf certificates,
    EdgeMetrics metrics,
    MailClusterOptions options,
    TimeProvider time,
    ILogger<EdgeServices> log,
    ClusterNode? cluster = null)
{
    private readonly ImmutableArray<string> _ownName = [options.Node.Name];

    public AccountDirectory Directory => directory;

    public MailboxQuotas Quotas => quotas;

    public Logins Logins => logins;

    public SourceLimits Limits => limits;

    public ResourceWatch Resources => resources;

    public OverloadGate Overload => overload;

    public MessageAcceptor Acceptor => acceptor;

    public Maildrops Maildrops => maildrops;

    public ShortestRetention Retention => retention;

    /// <summary>Nothing that a transaction needs can be read or written now.</summary>
    public bool IsStoreAway => store.IsAway;

    public IBodyStore Bodies => store.Bodies;

    public CertificateShelf Certificates => certificates;

    public EdgeMetrics Metrics => metrics;

    public TimeProvider Time => time;

    public ILogger Log => log;

    /// <summary>Our names in "by" of Received: (OXSMTP-EV-06); of all nodes when there is a cluster.</summary>
    public ImmutableArray<string> NodeNames => cluster?.Names ?? _ownName;

    public BodyStaging NewStaging() => new(store.Bodies, store.Committer);
}
