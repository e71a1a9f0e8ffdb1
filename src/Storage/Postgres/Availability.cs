using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.Postgres;

/// <summary>
/// What is known of the database's health, from all connections: each reports its own trouble and the end of it.
/// </summary>
internal sealed class Availability(TimeProvider time, ILogger log)
{
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<object, (string Fault, bool IsAway)> _faults = [];
    private string? _fault;
    private bool _isAway;
    private bool _isNodeLost;
    private string? _setBack;
    private bool _isUnreachable;
    private long _logged;
    private bool _isRecoveryDue;

    /// <summary>Null: commits go through.</summary>
    public string? Fault => Volatile.Read(ref _fault);

    /// <summary>The database does not answer at all.</summary>
    public bool IsAway => Volatile.Read(ref _isAway);

    /// <summary>
    /// Nothing could be had from it a moment ago: nobody else needs to try. Set by who looks all the time.
    /// </summary>
    public bool IsUnreachable
    {
        get => Volatile.Read(ref _isUnreachable);
        set => Volatile.Write(ref _isUnreachable, value);
    }

    /// <summary>Another node has this one's place: nothing is written until it has one again.</summary>
    public bool IsNodeLost => Volatile.Read(ref _isNodeLost);

    /// <summary>The database has lost what this node had committed: it writes nothing more in it. For good.</summary>
    public bool IsSetBack => Volatile.Read(ref _setBack) is not null;

    public void Fails(object who, string fault, bool isAway)
    {
        lock (_gate)
        {
            var (wasFailing, wasAway) = (_faults.Count > 0, _isAway);
            _faults[who] = (fault, isAway);
            Judge();
            if (_isAway && !wasAway)
            {
                PostgresLog.Away(log, fault);
            }
            else if (!wasFailing && (_logged == 0 || time.GetElapsedTime(_logged) > LogInterval))
            {
                // On a disk that is nearly full small mail goes through and large mail does not: that must not fill
                // the log as well.
                _logged = time.GetTimestamp();
                _isRecoveryDue = true;
                PostgresLog.WritesFail(log, fault);
            }
        }
    }

    public void Works(object who)
    {
        lock (_gate)
        {
            var wasAway = _isAway;
            if (!_faults.Remove(who))
            {
                return;
            }

            Judge();
            if (wasAway && !_isAway)
            {
                PostgresLog.Back(log);
            }
            else if (_faults.Count == 0 && _isRecoveryDue)
            {
                _isRecoveryDue = false;
                PostgresLog.WritesWork(log);
            }
        }
    }

    /// <param name="fault">What is lost, and what to do.</param>
    public void SetBack(string fault)
    {
        lock (_gate)
        {
            if (_setBack is null)
            {
                History.HistoryLog.SetBack(log, fault);
                Volatile.Write(ref _setBack, fault);
                Judge();
            }
        }
    }

    public void NodeLost()
    {
        lock (_gate)
        {
            if (!_isNodeLost)
            {
                PostgresLog.NodeLost(log);
            }

            Volatile.Write(ref _isNodeLost, true);
            Judge();
        }
    }

    /// <summary>The node has a place again, in another start.</summary>
    public void NodeTaken()
    {
        lock (_gate)
        {
            Volatile.Write(ref _isNodeLost, false);
            Judge();
        }
    }

    private void Judge()
    {
        string? fault = null;
        var isAway = false;
        foreach (var (text, away) in _faults.Values)
        {
            fault ??= text;
            isAway |= away;
        }

        Volatile.Write(ref _isAway, isAway || _setBack is not null);
        Volatile.Write(
            ref _fault, _setBack ?? (_isNodeLost ? "Another node has taken this node's place: it writes nothing any more." : fault));
    }
}
