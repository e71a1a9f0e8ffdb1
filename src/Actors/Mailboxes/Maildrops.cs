using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>The maildrops as a POP3 session uses them, wherever their home is: open, and remove at QUIT.</summary>
/// <exception cref="AskFailedException">From every task: no answer in time, or the store is away. A temporary
/// failure.</exception>
public sealed class Maildrops
{
    private readonly MailboxRegion _region;
    private readonly ShardAsks? _asks;
    private readonly MaildropLinkOptions _options;
    private readonly RemoteMaildrops? _remote;

    /// <summary>A lone node.</summary>
    public Maildrops(MailboxRegion region)
    {
        _region = region;
        _options = new MaildropLinkOptions();
    }

    /// <summary>Of a cluster; other nodes are answered from now on.</summary>
    public Maildrops(MailboxRegion region, ShardAsks asks, MaildropLinkOptions options, MaildropMetrics metrics)
    {
        _region = region;
        _asks = asks;
        _options = options;
        _remote = new RemoteMaildrops(region, asks, options, metrics);
        _ = new MaildropAnswers(region, asks, options, metrics);
    }

    /// <summary>
    /// The messages as committed now; null when there is no such mailbox. Shared by all who open the same generation on
    /// this node, and valid after the mailbox has moved.
    /// </summary>
    public ValueTask<MaildropSnapshot?> OpenAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var deadline = _region.Options.OpenDeadline;
        if (_asks is null)
        {
            return _region.SnapshotAsync(mailbox, deadline);
        }

        return _asks.Homes.Find(ShardId.Of(mailbox)).Kind == HomeKind.Here
            ? _asks.RouteAsync<OpenAsk, MaildropSnapshot?>(new OpenAsk(_region, _remote!, mailbox), deadline)
            : _remote!.OpenAsync(mailbox, deadline);
    }

    /// <summary>
    /// Removes exactly these; true after the commit. Those already removed by another session count as done. False:
    /// nothing was removed. An exception: it is not known whether they are.
    /// </summary>
    public ValueTask<bool> DeleteAsync(
        MailboxId mailbox, ImmutableArray<MessageNumber> numbers, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var deadline = _region.Options.DeleteDeadline;
        if (numbers.IsEmpty)
        {
            return ValueTask.FromResult(true);
        }

        return _asks is null
            ? _region.RemoveAsync(mailbox, numbers, deadline)
            : _asks.RouteAsync<RemoveAsk, bool>(new RemoveAsk(_region, _options, mailbox, numbers), deadline);
    }

    /// <summary>This node is its home now.</summary>
    public bool IsHome(MailboxId mailbox) => _region.IsHome(mailbox);

    /// <summary>Null when there is no such mailbox.</summary>
    public ValueTask<MaildropTotals?> ShowAsync(MailboxId mailbox, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var deadline = _region.Options.OpenDeadline;
        return _asks is null
            ? _region.TotalsAsync(mailbox, deadline)
            : _asks.RouteAsync<ShowAsk, MaildropTotals?>(new ShowAsk(_region, mailbox), deadline);
    }
}
