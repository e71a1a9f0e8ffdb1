using System.Net.Sockets;
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
/// What the node does when more comes than it can do. While turns are late, new connections wait until those that are
/// served have had theirs, users before strangers; when that wait gets too long they are turned away before they cost
/// anything, those of strangers first and those of users only when that was not enough. Who is connected goes on. What
/// is measured is how long work has waited, so it holds on any machine.
/// </summary>
internal sealed class OverloadGate : IThreadPoolWorkItem, IDisposable
{
    /// <summary>Users are let in until connections wait this many times longer than strangers may.</summary>
    private const int UsersPatience = 4;

    /// <summary>
    /// Turns are late, and new connections wait for them, from this part of <see
    /// cref="BackPressureOptions.MaxTurnDelay"/> on: with so much work at hand no processor is idle meanwhile.
    /// </summary>
    private const int LateShare = 5;

    /// <summary>
    /// So many are let in for each time that all who are served have had a turn: with some ten turns in a session,
    /// some eighty are under way.
    /// </summary>
    private const int LetInAtOnce = 8;

    /// <summary>An octet to itself does not get lost; should it, nobody waits for it any longer.</summary>
    private static readonly TimeSpan ProbeLostAfter = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LogInterval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly EdgeMetrics _metrics;
    private readonly long _origin;
    private readonly EngineProbe? _probe;
    private readonly Action<IThreadPoolWorkItem>? _send;
    private readonly QueueLimits? _turnsOfStrangers;
    private readonly QueueLimits? _turnsOfUsers;
    private readonly QueueLimits? _commits;
    private readonly FirstTurns _waiting;
    private readonly ITimer? _lost;
    private QueueLevel _strangers;
    private QueueLevel _users;
    private QueueLevel _committing;
    private long _strangersUntil;
    private long _usersUntil;
    private long _committingUntil;
    private long _quietUntil;
    private long _probeSince;
    private long _probeSent;
    private long _lastTurn;
    private int _probes;

    /// <param name="send">
    /// Runs the item when everything that is to be done now has had its turn; null: an octet that it sends itself.
    /// </param>
    public OverloadGate(
        BackPressureOptions options, EdgeMetrics metrics, TimeProvider time, ILogger<OverloadGate> log,
        Action<IThreadPoolWorkItem>? send = null)
    {
        _waiting = new FirstTurns(metrics);
        _time = time;
        _log = log;
        _metrics = metrics;
        _origin = time.GetTimestamp();
        if (options.MaxTurnDelay is { TotalMilliseconds: > 0 and var turn })
        {
            // A collection of garbage or a burst holds everybody up for less than a fifth of a second.
            _turnsOfStrangers = new((long)turn, Interval: 200, Samples: 2, Memory: 1_000);
            _turnsOfUsers = _turnsOfStrangers with { Target = UsersPatience * (long)turn };
            _probe = send is null ? new EngineProbe(this) : null;
            _send = send ?? (_ => _probe!.Send());
            _lost = time.CreateTimer(
                static state => ((OverloadGate)state!).GiveUpLost(), this, ProbeLostAfter, ProbeLostAfter);
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

    /// <summary>Connections that wait for their first turn.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

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
        if (_send is null || Probe((long)waited.TotalMilliseconds))
        {
            return;
        }

        var late = Now - Volatile.Read(ref _probeSince);
        if (late > _turnsOfStrangers?.Target)
        {
            NoteTurn(TimeSpan.FromMilliseconds(late));
        }
    }

    /// <summary>Lets a connection in, at once or when turns are no longer late.</summary>
    public void Enter(MailAccept listener, Socket client)
    {
        lock (_gate)
        {
            if (_send is null || (_waiting.Count == 0 && !IsLate()))
            {
                listener.LetIn(client);
                return;
            }

            _waiting.Add(listener, client, Now);
        }

        Probe(waited: 0);
    }

    /// <summary>The listener accepts no more: its connections that wait are let in.</summary>
    public void Leave(MailAccept listener)
    {
        lock (_gate)
        {
            _waiting.LetAllIn(listener);
        }
    }

    public void Dispose()
    {
        _lost?.Dispose();
        _probe?.Dispose();
    }

    void IThreadPoolWorkItem.Execute()
    {
        var now = Now;
        var waited = now - Volatile.Read(ref _probeSince);
        Volatile.Write(ref _lastTurn, now - Volatile.Read(ref _probeSent));
        Volatile.Write(ref _probes, 0);
        NoteTurn(TimeSpan.FromMilliseconds(waited));
        bool isMore;
        lock (_gate)
        {
            for (var count = 0; count < LetInAtOnce && _waiting.LetNextIn(); count++)
            {
            }

            isMore = _waiting.Count > 0;
        }

        if (isMore)
        {
            Probe(waited: 0);
        }
    }

    /// <summary>How long a connection waited from its handshake until its first turn, once it was let in.</summary>
    public void NoteTurn(TimeSpan waited)
    {
        if (_turnsOfStrangers is null || _turnsOfUsers is null)
        {
            return;
        }

        var milliseconds = (long)waited.TotalMilliseconds;
        var now = Now;
        long longest;
        lock (_gate)
        {
            var users = _waiting.Age(isStranger: false, now);
            longest = Math.Max(users, _waiting.Age(isStranger: true, now));
            _strangers = _strangers.Next(milliseconds + longest, now, _turnsOfStrangers);
            _users = _users.Next(milliseconds + users, now, _turnsOfUsers);
            Volatile.Write(ref _strangersUntil, _strangers.StandsUntil);
            Volatile.Write(ref _usersUntil, _users.StandsUntil);
        }

        _metrics.Waited(waited + TimeSpan.FromMilliseconds(longest));
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

    /// <summary>Sends one, unless one is under way: then false.</summary>
    private bool Probe(long waited)
    {
        if (Interlocked.CompareExchange(ref _probes, 1, 0) != 0)
        {
            return false;
        }

        var now = Now;
        Volatile.Write(ref _probeSince, now - waited);
        Volatile.Write(ref _probeSent, now);
        _send!(this);
        return true;
    }

    private void GiveUpLost()
    {
        if (Volatile.Read(ref _probes) != 0
            && Now - Volatile.Read(ref _probeSent) > (long)ProbeLostAfter.TotalMilliseconds)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    private bool IsLate()
    {
        var late = _turnsOfStrangers!.Target / LateShare;
        return Volatile.Read(ref _lastTurn) > late
            || (Volatile.Read(ref _probes) != 0 && Now - Volatile.Read(ref _probeSent) > late);
    }

    private static string Cause(ShedReason why) => why == ShedReason.Turn
        ? "connections wait too long for their first turn" : "messages wait too long for their commit";
}
