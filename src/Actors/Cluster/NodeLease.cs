using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// The lease of one incarnation, counted on the monotonic clock from before the renewal was sent, so that it ends here
/// before it ends in the database, whatever wall clocks show and however long the answer was on its way.
/// </summary>
internal sealed class NodeLease
{
    private const long Never = long.MaxValue;

    private readonly MembershipParts _parts;
    private readonly long _length;
    private long _sentLast;
    private long _until;
    private long _steadySince;
    private volatile bool _hasEnded;

    /// <param name="sent">Timestamp from before the call that gave the lease.</param>
    public NodeLease(MembershipParts parts, NodePeer self, long sent)
    {
        _parts = parts;
        Self = self;
        var length = parts.Options.LeaseDuration - parts.Options.Margin;
        _length = (long)(length.TotalSeconds * parts.Time.TimestampFrequency);
        _sentLast = sent;
        _steadySince = sent;
        _until = sent + _length;
    }

    public NodePeer Self { get; }

    /// <summary>False: lost, or the node ends.</summary>
    public bool IsGoing => !_hasEnded;

    /// <summary>At this moment, by the clock: a process that stood still hears no when it goes on.</summary>
    public bool IsGood => !_hasEnded && _parts.Time.GetTimestamp() < Volatile.Read(ref _until);

    /// <summary>
    /// It was renewed without a gap for one full lease: after an outage of the database everybody has had the time to
    /// come back.
    /// </summary>
    public bool IsSteady => IsGood && Volatile.Read(ref _steadySince) is var since and not Never
        && _parts.Time.GetElapsedTime(since) >= _parts.Options.LeaseDuration;

    /// <summary>Until this node stops serving; negative: since.</summary>
    public TimeSpan Left => _parts.Time.GetElapsedTime(_parts.Time.GetTimestamp(), Volatile.Read(ref _until));

    /// <summary>This incarnation serves nothing any more. For good.</summary>
    public void End() => _hasEnded = true;

    /// <summary>Renews until it is lost (returns) or cancelled.</summary>
    /// <param name="regained">Called when it is good again after it was not.</param>
    public async Task RenewAsync(Action regained, CancellationToken cancellationToken)
    {
        var wait = _parts.Options.RenewEvery;
        while (true)
        {
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _parts.Time, cancellationToken);
            }

            var sent = _parts.Time.GetTimestamp();
            try
            {
                using var patience = new CancellationTokenSource(_parts.Options.RenewPatience, _parts.Time);
                using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
                if (await _parts.Store.RenewAsync(Self, _parts.Options.LeaseDuration, both.Token) == RenewAnswer.Lost)
                {
                    End();
                    _parts.Metrics.Renewed("lost", Left);
                    return;
                }
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                Failed(failure);
                wait = _parts.Options.RetryAfter;
                continue;
            }

            Extend(sent, regained);
            wait = _parts.Options.RenewEvery - _parts.Time.GetElapsedTime(sent);
        }
    }

    private void Failed(Exception failure)
    {
        _parts.Metrics.Renewed("failed", Left);
        if (_steadySince != Never)
        {
            ClusterLog.RenewalFailed(_parts.Log, failure.Message, Left);
        }

        Volatile.Write(ref _steadySince, Never);
    }

    private void Extend(long sent, Action regained)
    {
        var wasGood = IsGood;
        _parts.Metrics.Renewed("renewed", Left);
        if (_steadySince == Never || _parts.Time.GetElapsedTime(_sentLast, sent) > _parts.Options.SteadyWithin)
        {
            Volatile.Write(ref _steadySince, _parts.Time.GetTimestamp());
        }

        _sentLast = sent;
        Volatile.Write(ref _until, sent + _length);
        if (!wasGood && IsGood)
        {
            regained();
        }
    }
}
