using MailCluster.Frontend.Options;
using MailCluster.Shared.Limits;

namespace MailCluster.Frontend.Edge;

/// <summary>Why a new connection is shed.</summary>
internal enum ShedReason
{
    None,

    /// <summary>Connections wait too long for their first turn: the processor is short.</summary>
    Turn,

    /// <summary>Messages wait too long for their commit: the store is slow.</summary>
    Commit,
}

/// <summary>
/// What the node does when more comes than it can do: new connections are turned away before they cost anything, those
/// of strangers first and those of users only when that was not enough; who is connected goes on. What is
/// measured is how long work has waited, so it holds on any machine.
/// </summary>
internal sealed class OverloadGate : IThreadPoolWorkItem, IDisposable
{
    /// <summary>Users are let in until connections wait this many times longer than strangers may.</summary>
    private const int UsersPatience = 4;

    /// <summary>An octet to itself does not get lost; should it, the next one is sent after that.</summary>
    private const int ProbeLostAfter = 10_000;

    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EdgeMetrics _metrics;
    private readonly long _origin;
    private readonly EngineProbe? _probe;
    private readonly QueueLimits? _turnsOfStrangers;
    private readonly QueueLimits? _turnsOfUsers;
    private readonly QueueLimits? _commits;
    private QueueLevel _strangers;
    private QueueLevel _users;
    private QueueLevel _committing;
    private long _strangersUntil;
    private long _usersUntil;
    private long _committingUntil;
    private long _quietUntil;
    private long _probeSince;
    private int _probes;

    public OverloadGate(
        BackPressureOptions options, EdgeMetrics metrics, TimeProvider time, ILogger<OverloadGate> log)
    {
        _time = time;
        _log = log;
        _metrics = metrics;
        _origin = time.GetTimestamp();
        if (options.MaxTurnDelay is { TotalMilliseconds: > 0 and var turn })
        {
            // A collection of garbage or a burst holds everybody up for less than a fifth of a second.
            _turnsOfStrangers = new((long)turn, Interval: 200, Samples: 2, Memory: 1_000);
            _turnsOfUsers = _turnsOfStrangers with { Target = UsersPatience * (long)turn };
            _probe = new EngineProbe(this);
        }

        if (options.MaxCommitDelay is { TotalMilliseconds: > 0 and var commit })
        {
            // One mailbox that is slow or away is no reason: others' messages pass by it.
            _commits = new((long)commit, Interval: 1_000, Samples: 8, Memory: 2_000);
        }
    }

    /// <summary>Who is turned away just now and why, for /health/ready; null: nobody is.</summary>
    public string? Why => (Judge(isStranger: true), Judge(isStranger: false)) switch
    {
        (_, not ShedReason.None) => $"new connections are turned away: {Cause(ShedReason.Turn)}",
        (not ShedReason.None and var why, _) => $"new connections of strangers are turned away: {Cause(why)}",
        _ => null,
    };

    private long Now => (long)_time.GetElapsedTime(_origin).TotalMilliseconds;

    /// <summary>Whether a connection that was accepted just now is shed: three reads of a number.</summary>
    public ShedReason Judge(bool isStranger)
    {
        var now = Now;
        if (now < Volatile.Read(ref isStranger ? ref _strangersUntil : ref _usersUntil))
        {
            return ShedReason.Turn;
        }

        return isStranger && now < Volatile.Read(ref _committingUntil) ? ShedReason.Commit : ShedReason.None;
    }

    /// <summary>
    /// A connection was accepted. Its first turn is some work on the threads of sockets and on the pool, behind all
    /// that is there already, and so is what stands for it here even if it is turned away.
    /// </summary>
    public void NoteAccept(TimeSpan waited)
    {
        if (_probe is null)
        {
            return;
        }

        if (Interlocked.CompareExchange(ref _probes, 1, 0) == 0)
        {
            Volatile.Write(ref _probeSince, Now - (long)waited.TotalMilliseconds);
            _probe.Send();
            return;
        }

        var late = Now - Volatile.Read(ref _probeSince);
        if (late > ProbeLostAfter)
        {
            Volatile.Write(ref _probes, 0);
        }

        if (late > _turnsOfStrangers?.Target)
        {
            NoteTurn(TimeSpan.FromMilliseconds(late));
        }
    }

    public void Dispose() => _probe?.Dispose();

    void IThreadPoolWorkItem.Execute()
    {
        var waited = TimeSpan.FromMilliseconds(Now - Volatile.Read(ref _probeSince));
        Volatile.Write(ref _probes, 0);
        NoteTurn(waited);
    }

    /// <summary>How long a connection waited from its handshake until its first turn.</summary>
    public void NoteTurn(TimeSpan waited)
    {
        _metrics.Waited(waited);
        if (_turnsOfStrangers is null || _turnsOfUsers is null)
        {
            return;
        }

        var milliseconds = (long)waited.TotalMilliseconds;
        var now = Now;
        lock (_gate)
        {
            _strangers = _strangers.Next(milliseconds, now, _turnsOfStrangers);
            _users = _users.Next(milliseconds, now, _turnsOfUsers);
            Volatile.Write(ref _strangersUntil, _strangers.StandsUntil);
            Volatile.Write(ref _usersUntil, _users.StandsUntil);
        }
    }

    /// <summary>How long a message waited for its verdict once it was whole.</summary>
    public void NoteCommit(TimeSpan waited)
    {
        if (_commits is null)
        {
            return;
        }

        var now = Now;
        lock (_gate)
        {
            _committing = _committing.Next((long)waited.TotalMilliseconds, now, _commits);
            Volatile.Write(ref _committingUntil, _committing.StandsUntil);
        }
    }

    public void Shed(BindingEdge binding, ShedReason why)
    {
        _metrics.Shed(binding.Protocol, binding.IsForStrangers, why);
        var now = Now;
        var quietUntil = Volatile.Read(ref _quietUntil);
        if (now >= quietUntil && Interlocked.CompareExchange(
            ref _quietUntil, now + (long)LogInterval.TotalMilliseconds, quietUntil) == quietUntil)
        {
            EdgeLog.Shedding(
                _log, binding.Name, Cause(why),
                why == ShedReason.Turn ? "BackPressure:MaxTurnDelay" : "BackPressure:MaxCommitDelay");
        }
    }

    private static string Cause(ShedReason why) => why == ShedReason.Turn
        ? "connections wait too long for their first turn" : "messages wait too long for their commit";
}
