using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// Looks at the table: regularly, when something says that it changed, and when a lease in it is to end.
/// </summary>
internal sealed class TableReads(MembershipParts parts, ShardBook book, TurnLoop loop, Action<ClusterTable> wasRead)
{
    private static readonly TimeSpan s_justAfter = TimeSpan.FromMilliseconds(2);

    private volatile ClusterTable? _table;
    private long _readAt;
    private long _dueAt;
    private long _learnedAt;
    private bool _isUnderWay;
    private bool _isHinted;
    private bool _isRequired = true;
    private bool _hasFailed;

    /// <summary>Null before the first read.</summary>
    public ClusterTable? Table => _table;

    /// <summary>Since the table was asked for; on the safe side by the time it was on its way.</summary>
    public TimeSpan Age => _table is null ? TimeSpan.Zero : parts.Time.GetElapsedTime(_readAt);

    /// <summary>False: something was done or told since that it does not show.</summary>
    public bool IsCurrent => _table is not null && !_isRequired;

    /// <summary>Until the next one.</summary>
    public TimeSpan Due => _isUnderWay
        ? parts.Options.PollEvery : parts.Time.GetElapsedTime(parts.Time.GetTimestamp(), _dueAt);

    /// <summary>The table changed, perhaps.</summary>
    public void Hint()
    {
        var soon = parts.After(parts.Options.ReadPause);
        _dueAt = soon < _dueAt ? soon : _dueAt;
        _isHinted = true;
    }

    /// <summary>Nothing is decided before it was read again.</summary>
    public void Require()
    {
        _isRequired = true;
        _dueAt = parts.Time.GetTimestamp();
    }

    /// <summary>The book knows something that a read begun earlier may not show.</summary>
    public void Learned() => _learnedAt = parts.Time.GetTimestamp();

    /// <summary>If it is time.</summary>
    public void Begin()
    {
        if (_isUnderWay || parts.Time.GetTimestamp() < _dueAt)
        {
            return;
        }

        _isUnderWay = true;
        _isRequired = false;
        _isHinted = false;
        _ = ReadAsync(parts.Time.GetTimestamp());
    }

    private async Task ReadAsync(long began)
    {
        try
        {
            using var patience = parts.Patience();
            var table = await parts.Store.ReadAsync(patience.Token);
            loop.Post(() => WasRead(table, began));
        }
        catch (Exception failure)
        {
            loop.Post(() => Failed(failure));
        }
    }

    private void WasRead(ClusterTable table, long began)
    {
        _isUnderWay = false;
        _hasFailed = false;
        _readAt = began;
        _table = table;
        if (!book.Read(table, isNewer: began > _learnedAt))
        {
            ClusterLog.SetBack(parts.Log);
        }

        Next(table);
        wasRead(table);
    }

    private void Next(ClusterTable table)
    {
        var next = _isHinted || _isRequired ? parts.Options.ReadPause : parts.Options.PollEvery;
        foreach (var node in table.Nodes)
        {
            var end = node.LeaseLeft + s_justAfter;
            if (node.State != NodeState.Down && end > s_justAfter && end < next)
            {
                next = end;
            }
        }

        _dueAt = parts.After(next);
    }

    private void Failed(Exception failure)
    {
        _isUnderWay = false;
        _isRequired = true;
        _dueAt = parts.After(parts.Options.RetryAfter);
        parts.Metrics.ReadFailed();
        if (!_hasFailed)
        {
            _hasFailed = true;
            ClusterLog.ReadFailed(parts.Log, failure.Message);
        }
    }
}
