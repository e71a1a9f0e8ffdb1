using MailCluster.Actors.Kernel;
using MailCluster.Shared;
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
    private readonly SourceLimitOptions _options;
    private readonly LimitsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private long _lateLogged = long.MinValue;

    public SourceLimits(ActorSystem system, SourceLimitOptions options, LimitsMetrics metrics, ILoggerFactory log)
    {
        var comparer = new HomeKey.Comparer(options.HashSecret);
        _options = options;
        _metrics = metrics;
        _time = system.Time;
        _log = log.CreateLogger("MailCluster.Limits");
        _held = new HeldPermits(comparer);
        _refusals = new Refusals(options, _time, comparer);
        var debts = new TarpitDebts(options, _time, comparer);
        var failures = new LogonFailures(options.Logons, _time, comparer);
        var around = new SourceSurroundings(_held, debts, failures, _refusals, options, _log);
        _homes = new ShardRegion<HomeKey, SourceMessage>(
            system, "limits", key => new SourceActor(key, around), options.ForActors(), comparer);
        Logons = new LogonLimits(_homes, options, metrics);
        metrics.Observe(() => _homes.Count, () => _held.Count, () => debts.Count, () => failures.Count);
    }

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
        Release(binding, HomeKey.Of(source), connection);

    /// <inheritdoc cref="Release(string, SourceKey, long)"/>
    public void Release(string binding, AccountId user, long connection) =>
        Release(binding, HomeKey.Of(user), connection);

    /// <summary>Counts one message when the window (60 s, sliding) has room for it.</summary>
    /// <param name="binding">Windows of different bindings are different ones.</param>
    /// <param name="key">Whose message it is.</param>
    /// <param name="perMinute">At least 1.</param>
    public ValueTask<RateVerdict> TakeMessageAsync(string binding, RateKey key, int perMinute)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(perMinute, 1);
        var answer = _homes.Ask<RateVerdict, (string Binding, int PerMinute)>(
            HomeKey.Of(binding, key),
            static (reply, ask) => new SourceMessage.Take(ask.Binding, ask.PerMinute, reply), (binding, perMinute),
            _options.AskDeadline);
        return answer.IsCompletedSuccessfully ? new(Counted(answer.Result)) : VerdictAsync(answer);
    }

    /// <summary>
    /// An error was held back for this client: its next connection waits once more (OXSMTP-EV-19). Never waits.
    /// </summary>
    public void OweTarpit(SourceKey source) => _homes.Tell(HomeKey.Of(source), SourceMessage.OweTarpit.Instance);

    private ValueTask<Admission> AdmitAsync(string binding, HomeKey home, long connection, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (_refusals.Answers(binding, home, limit))
        {
            _metrics.RefusedFromCache();
            return new(Admission.TooMany);
        }

        var ask = new AdmissionAsk(
            binding, home, new Permit(_options.Incarnation, connection), limit, _refusals.Freed(home),
            _time.GetTimestamp());
        var answer = _homes.Ask<Admission, AdmissionAsk>(
            home, static (reply, ask) => new SourceMessage.Admit(ask.Binding, ask.Permit, ask.Limit, reply), ask,
            _options.AskDeadline);
        return answer.IsCompletedSuccessfully ? new(Answered(ask, answer.Result)) : AnswerAsync(ask, answer);
    }

    private void Release(string binding, HomeKey home, long connection)
    {
        var isHeld = _held.Contains(home, connection);
        _homes.NotifyAlive(
            home, new SourceMessage.GiveBack(binding, new Permit(_options.Incarnation, connection)));
        if (isHeld)
        {
            // Even if the home is busy now: the next connection asks, and that is behind this in the mailbox.
            _refusals.Free(home);
        }
    }

    private async ValueTask<Admission> AnswerAsync(AdmissionAsk ask, ValueTask<Admission> answer)
    {
        try
        {
            return Answered(ask, await answer);
        }
        catch (AskFailedException failed)
        {
            NoteFailure(failed.Why);
            return Answered(ask, Admission.Unreachable);
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

    private Admission Answered(in AdmissionAsk ask, Admission verdict)
    {
        switch (verdict)
        {
            case Admission.TooMany:
                _refusals.Add(ask.Binding, ask.Home, ask.Limit, ask.Freed);
                break;
            case Admission.Unreachable:
                // The grant may come late or have come before the failure; this is behind it in the mailbox.
                _homes.NotifyAlive(ask.Home, new SourceMessage.GiveBack(ask.Binding, ask.Permit));
                break;
        }

        _metrics.Admitted(verdict, _time.GetElapsedTime(ask.Since));
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
            LimitsLog.Late(_log, _options.AskDeadline);
        }
    }

    /// <param name="Binding">Of the connection.</param>
    /// <param name="Home">Of its source.</param>
    /// <param name="Permit">What it wants.</param>
    /// <param name="Limit">How many its source may hold.</param>
    /// <param name="Freed">What had been given back before the ask.</param>
    /// <param name="Since">When it asked.</param>
    private readonly record struct AdmissionAsk(
        string Binding, HomeKey Home, Permit Permit, int Limit, long Freed, long Since);
}
