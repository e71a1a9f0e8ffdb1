using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// One expected incarnation of one peer: its row, its link if there is one, and why there is none.
/// </summary>
/// <param name="turnstile">
/// Of the node's id, over all its incarnations: who has it runs a link, so that the end of one is told before the
/// beginning of the next.
/// </param>
/// <param name="retired">Cancelled by <see cref="Retire"/>; nothing of it needs to be disposed.</param>
internal sealed class PeerSlot(
    NodeRow row, LinkIdentity self, SemaphoreSlim turnstile, LinkSurroundings around, CancellationTokenSource retired)
{
    private readonly Lock _gate = new();
    private readonly long _made = around.Time.GetTimestamp();
    private NodeRow _row = row;
    private NodeLink? _link;
    private string? _lastError;
    private string? _addressError;
    private string? _warned;
    private long _warnedAt;
    private long _downSince = around.Time.GetTimestamp();
    private bool _wasUp;
    private bool _isRetired;

    public NodePeer Peer { get; } = row.Peer;

    public LinkIdentity Self => self;

    public SemaphoreSlim Turnstile => turnstile;

    public bool Dials => self.Self.Id.CompareTo(Peer.Id) > 0;

    /// <summary>As it was read last; the address may change.</summary>
    public NodeRow Row
    {
        get => Volatile.Read(ref _row);
        set => Volatile.Write(ref _row, value);
    }

    /// <summary>Cancelled when the peer is not expected any more.</summary>
    public CancellationToken Retired => retired.Token;

    public LinkStatus Status
    {
        get
        {
            lock (_gate)
            {
                var since = _link?.UpSince;
                return new(
                    Row.Peer, Row.Name, Row.Address, Dials, since, since is null ? 0 : _link!.WireVersion,
                    _addressError ?? _lastError);
            }
        }
    }

    /// <summary>Runs the link, if the peer is expected yet. Only while holding the turnstile.</summary>
    public async Task<bool> RunAsync(NodeLink link)
    {
        lock (_gate)
        {
            if (_isRetired)
            {
                return false;
            }

            _link = link;
        }

        var end = await link.RunAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _link = null;
            _lastError = LinkEnds.TextOf(end);
            _downSince = around.Time.GetTimestamp();
        }

        return true;
    }

    /// <summary>Told by the link before anyone else: true if there was one to this incarnation before.</summary>
    public bool Rise()
    {
        var isAgain = _wasUp;
        _wasUp = true;
        return isAgain;
    }

    /// <summary>The present link is dead and does not know it.</summary>
    public void Replace()
    {
        lock (_gate)
        {
            _link?.Abort(LinkEnd.Replaced);
        }
    }

    public void Retire(LinkEnd end)
    {
        NodeLink? link;
        lock (_gate)
        {
            _isRetired = true;
            link = _link;
        }

        link?.Close(end);
        retired.Cancel();
    }

    /// <summary>
    /// An attempt came to nothing. A warning when it is another problem than before, and now and then.
    /// </summary>
    public void Failed(LinkFault fault, string problem)
    {
        LogLevel level;
        lock (_gate)
        {
            _lastError = problem;
            var isTold = _warned == LinkFaults.NameOf(fault)
                && around.Time.GetElapsedTime(_warnedAt) < around.Options.WarningInterval;
            var isSoon = LinkFaults.IsPassing(fault) && around.Time.GetElapsedTime(_made) < around.Options.BackoffMax;
            level = isTold || isSoon ? LogLevel.Debug : LogLevel.Warning;
            if (level == LogLevel.Warning)
            {
                _warned = LinkFaults.NameOf(fault);
                _warnedAt = around.Time.GetTimestamp();
            }
        }

        LinkLog.DialFailed(around.Log, level, Row.Id.Value, Row.Name, Row.Address, problem);
    }

    /// <summary>Null: it can be reached.</summary>
    public void AddressFailed(string? problem)
    {
        lock (_gate)
        {
            _addressError = problem;
        }

        if (problem is not null)
        {
            LinkLog.AddressFailed(around.Log, Row.Id.Value, Row.Name, Row.Address, problem);
        }
    }

    /// <summary>Whoever waits to be dialled cannot see why nobody does, and says so.</summary>
    public void Tick()
    {
        Volatile.Read(ref _link)?.Tick();
        long seconds;
        lock (_gate)
        {
            if (Dials || _link is not null || around.Time.GetElapsedTime(_downSince) < around.Options.NotDialledAfter
                || (_warned is not null && around.Time.GetElapsedTime(_warnedAt) < around.Options.WarningInterval))
            {
                return;
            }

            seconds = (long)around.Time.GetElapsedTime(_downSince).TotalSeconds;
            _lastError = $"it has not linked for {seconds} s, and it is the one that dials: see its log";
            _warned = "not_dialled";
            _warnedAt = around.Time.GetTimestamp();
        }

        LinkLog.NotDialled(around.Log, Row.Id.Value, Row.Name, seconds);
    }
}
