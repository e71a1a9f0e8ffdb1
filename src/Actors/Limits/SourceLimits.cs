using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Limits;

/// <summary>
/// The limits that count over all nodes: permits, message rates, failed logins and the debt of tarpitted clients, each
/// kept by the one actor of its source or user (I6).
/// </summary>
public sealed class SourceLimits
{
    private static readonly TimeSpan LateLogInterval = TimeSpan.FromMinutes(1);

    private readonly ShardRegion<HomeKey, SourceMessage> _homes;
    private readonly HeldPermits _held;
    private readonly Refusals _refusals;
    private readonly LimitPeers? _peers;
    private readonly TimeSpan _deadline;
    private readonly LimitsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private long _lateLogged = long.MinValue;

    /// <param name="asks">Of the cluster; null: this node is alone.</param>
    public SourceLimits(
        ActorSystem system, SourceLimitOptions options, LimitsMetrics metrics, ILoggerFactory log,
        ShardAsks? asks = null)
    {
        var comparer = new HomeKey.Comparer(options.HashSecret);
        _metrics = metrics;
        _time = system.Time;
        _log = log.CreateLogger("MailCluster.Limits");
        _held = new HeldPermits(comparer, isPartOfCluster: asks is not null);
        _refusals = new Refusals(options, _time, comparer);
        _peers = asks is null ? null : new LimitPeers(asks, _held, _refusals, options, metrics, comparer);
        _deadline = asks is null ? options.AskDeadline : options.ClusterAskDeadline;
        var debts = new TarpitDebts(options, _time, comparer);
        var failures = new LogonFailures(options.Logons, _time, comparer);
        var around = new SourceSurroundings(
            _held, _peers?.Known, debts, failures, _peers is null ? _refusals.Free : _peers.Freed, _log);
        _homes = new ShardRegion<HomeKey, SourceMessage>(
            system, "limits", key => new SourceActor(key, around), options.ForActors(), comparer);
        _peers?.Start(_homes);
        Logons = new LogonLimits(_homes, _peers, options.AskDeadline, metrics);
        metrics.Observe(() => _homes.Count, () => _held.Count, () => debts.Count, () => failures.Count);
        if (_peers is not null)
        {
            metrics.Observe(() => _peers.Known.Count, () => _peers.Known.CountOfSilent);
        }
    }

    /// <summary>Where the home of what it limits is: the same in every process and version.</summary>
    public static ShardId ShardOf(SourceKey source) => HomeKey.Of(source).Shard;

    /// <inheritdoc cref="ShardOf(SourceKey)"/>
    public static ShardId ShardOf(AccountId user) => HomeKey.Of(user).Shard;

    /// <inheritdoc cref="ShardOf(SourceKey)"/>
    public static ShardId ShardOf(LogonName name) => HomeKey.Of(name).Shard;

    /// <inheritdoc cref="ShardOf(SourceKey)"/>
    public static ShardId ShardOf(string binding, RateKey key) => HomeKey.Of(binding, key).Shard;

    /// <summary>To be told when shards come and go; null: this node is alone.</summary>
    public IShardResidents? Residents => _peers;

    public LogonLimits Logons { get; }

    /// <param name="binding">Limits count per binding, over all nodes.</param>
    /// <param name="connection">Never used twice by this process.</param>
    /// <param name="limit">Permits that the source may hold on this binding, this one included; at least 1.</param>
    public ValueTask<Admission> AdmitAsync(string binding, SourceKey source, long connection, int limit) =>
        AdmitAsync(binding, HomeKey.Of(source), connection, limit);

    /// <inheritdoc cref="AdmitAsync(string, SourceKey, long, int)"/>
    public ValueTask<Admission> AdmitAsync(string binding, AccountId user, long connection, int limit) =>
        AdmitAsync(binding, HomeKey.Of(user), connection, limit);

    /// <summary>
    /// Idempotent; a connection that holds nothing may be named, though a refused one needs no release. Never waits.
    /// </summary>
    public void Release(string binding, SourceKey source, long connection) =>
        Release(HomeKey.Of(source), connection);

    /// <inheritdoc cref="Release(string, SourceKey, long)"/>
    public void Release(string binding, AccountId user, long connection) =>
        Release(HomeKey.Of(user), connection);

    /// <summary>
    /// Lets a connection in although the home of its source was <see cref="Admission.Unreachable"/>, unless this node
    /// alone has as many as there may be. True: it holds a permit that the home hears of when it is there, to be given
    /// back like any.
    /// </summary>
    /// <inheritdoc cref="AdmitAsync(string, SourceKey, long, int)"/>
    public bool TryHoldUnasked(string binding, SourceKey source, long connection, int limit)
    {
        var home = HomeKey.Of(source);
        if (!_held.TryHold(home, binding, connection, limit, _peers?.Known.CountOf(home, binding) ?? 0, out _, true))
        {
            return false;
        }

        _peers?.ReportSoon(home);
        _metrics.AdmittedUnasked();
        return true;
    }

    /// <summary>Counts one message when the window (60 s, sliding) has room for it.</summary>
    /// <param name="binding">Windows of different bindings are different ones.</param>
    /// <param name="key">Whose message it is.</param>
    /// <param name="perMinute">At least 1.</param>
    public ValueTask<RateVerdict> TakeMessageAsync(string binding, RateKey key, int perMinute)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(perMinute, 1);
        var ask = new RateAsk(_homes, HomeKey.Of(binding, key), binding, perMinute);
        var answer = _peers is null || _peers.IsHere(ask.Home)
            ? ask.AskHere(_deadline)
            : _peers.Asks.RouteAsync<RateAsk, RateVerdict>(ask, _deadline);
        return answer.IsCompletedSuccessfully ? new(Counted(answer.Result)) : VerdictAsync(answer);
    }

    /// <summary>
    /// An error was held back for this client: its next connection waits once more (OXSMTP-EV-19). Never waits.
    /// </summary>
    public void OweTarpit(SourceKey source)
    {
        var home = HomeKey.Of(source);
        if (_peers is null || _peers.IsHere(home))
        {
            _homes.Tell(home, SourceMessage.OweTarpit.Instance);
        }
        else
        {
            _peers.Tell(home, new Envelope { OweTarpit = new OweTarpit { Subject = home.ToWire() } });
        }
    }

    private ValueTask<Admission> AdmitAsync(string binding, HomeKey home, long connection, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (_refusals.Answers(binding, home, limit))
        {
            _metrics.RefusedFromCache();
            return new(Admission.TooMany);
        }

        var asked = new Asked(_refusals.Freed(home), _time.GetTimestamp());
        var ask = new AdmissionAsk(_homes, _held, _peers, home, binding, new Permit(default, connection), limit);
        if (_peers is null || _peers.IsHere(home))
        {
            var answer = ask.AskHere(_deadline);
            return answer.IsCompletedSuccessfully ? new(Answered(ask, asked, answer.Result))
                : AnswerAsync(ask, asked, answer, isRouted: false);
        }

        return AnswerAsync(ask, asked, _peers.Asks.RouteAsync<AdmissionAsk, Admission>(ask, _deadline), true);
    }

    private void Release(HomeKey home, long connection)
    {
        var isHeld = GiveBack(home, connection, isOfAsk: false);
        if (isHeld)
        {
            // Even if the home is busy now: the next connection asks, and that is behind this in the mailbox.
            _refusals.Free(home);
        }
    }

    private bool GiveBack(HomeKey home, long connection, bool isOfAsk)
    {
        if (_peers is not null && !_peers.IsHere(home))
        {
            return _peers.GiveBack(home, connection);
        }

        var isHeld = _held.Contains(home, connection);
        if (!_homes.NotifyAlive(home, new SourceMessage.GiveBack(new Permit(default, connection), isOfAsk)))
        {
            // Held without the home's leave, or from before it was here.
            _held.Remove(home, connection, isOfAsk);
            _peers?.Freed(home);
        }

        return isHeld;
    }

    /// <param name="isRouted">False: it was asked here, and may have to be asked elsewhere.</param>
    private async ValueTask<Admission> AnswerAsync(
        AdmissionAsk ask, Asked asked, ValueTask<Admission> answer, bool isRouted)
    {
        try
        {
            try
            {
                return Answered(ask, asked, await answer);
            }
            catch (AskFailedException moved)
                when (moved.Why == AskFailure.NotHere && !isRouted && _peers is not null)
            {
                // It was here a moment ago.
            }

            return Answered(
                ask, asked, await _peers.Asks.RouteAsync<AdmissionAsk, Admission>(ask, _deadline));
        }
        catch (AskFailedException failed)
        {
            NoteFailure(failed.Why);
            return Answered(ask, asked, Admission.Unreachable);
        }
    }

    private async ValueTask<RateVerdict> VerdictAsync(ValueTask<RateVerdict> answer)
    {
        try
        {
            return Counted(await answer);
        }
        catch (AskFailedException failed)
        {
            NoteFailure(failed.Why);
            return Counted(RateVerdict.Unreachable);
        }
    }

    private Admission Answered(in AdmissionAsk ask, in Asked asked, Admission verdict)
    {
        switch (verdict)
        {
            case Admission.TooMany:
                _refusals.Add(ask.Binding, ask.Home, ask.Limit, asked.Freed);
                break;
            case Admission.Unreachable:
                // The grant may come late or have come before the failure; this is behind it, here or on the link.
                GiveBack(ask.Home, ask.Permit.Connection, isOfAsk: true);
                break;
        }

        _metrics.Admitted(verdict, _time.GetElapsedTime(asked.Since));
        return verdict;
    }

    private RateVerdict Counted(RateVerdict verdict)
    {
        _metrics.Counted(verdict);
        return verdict;
    }

    private void NoteFailure(AskFailure why)
    {
        if (why != AskFailure.DeadlinePassed)
        {
            return;
        }

        var now = _time.GetTimestamp();
        var before = Volatile.Read(ref _lateLogged);
        if ((before == long.MinValue || _time.GetElapsedTime(before, now) >= LateLogInterval)
            && Interlocked.CompareExchange(ref _lateLogged, now, before) == before)
        {
            LimitsLog.Late(_log, _deadline);
        }
    }

    /// <param name="Freed">What had been given back before the ask.</param>
    /// <param name="Since">When it asked.</param>
    private readonly record struct Asked(long Freed, long Since);
}
