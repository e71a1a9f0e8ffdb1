using MailCluster.Shared.Sasl;
using MailCluster.Shared.Smtp.Commands;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp;

/// <summary>
/// One SMTP server session (RFC 5321 §4.1.4): lines and answers in, effects out, in the order in which they are to
/// happen.
/// Deterministic; the caller clears the list of effects between two inputs.
/// </summary>
public sealed class SmtpSession
{
    /// <summary>
    /// Of a command line with its CRLF: 512 (RFC 5321 §4.5.3.1.4) and what SIZE, BODY, AUTH=, SMTPUTF8 and later DSN
    /// add.
    /// </summary>
    public const int CommandLineOctetsMax = 2048;

    /// <summary>Of a SASL response with its CRLF (RFC 4954 §4).</summary>
    public const int SaslLineOctetsMax = 12_288 + 2;

    private readonly SmtpContext _context;

    public SmtpSession(SmtpSessionOptions options, SmtpConnection connection)
    {
        _context = new(options, connection);
    }

    public SmtpExpects Expects => _context switch
    {
        { State: SmtpStates.Closed } => SmtpExpects.Nothing,
        { IsWaiting: true } => SmtpExpects.Answer,
        _ => SmtpExpects.Line,
    };

    /// <summary>Limit of the next line with its CRLF.</summary>
    public int LineOctetsMax => State == SmtpStates.Sasl ? SaslLineOctetsMax : CommandLineOctetsMax;

    /// <summary>Exactly one state.</summary>
    public SmtpStates State => _context.State;

    /// <summary>
    /// Of the last line: a verb of the command table, "SASL" for a response, otherwise "unknown". A closed set, for
    /// metrics.
    /// </summary>
    public string CommandName { get; private set; } = SmtpCommandTable.UnknownName;

    /// <summary>Who authenticated; null before, and again after STARTTLS.</summary>
    public SaslIdentity? User => _context.User;

    /// <summary>Null while the connection is in the clear.</summary>
    public SmtpTls? Tls => _context.Tls;

    /// <summary>MAIL was accepted and the transaction has not ended: a drain waits for it (I7).</summary>
    public bool InTransaction => (State & SmtpStates.Transaction) != 0 || _context.IsWaiting;

    /// <summary>Input so far that broke grammar, order or a command's rules (OXSMTP-EV-11).</summary>
    public int ProtocolErrors => _context.ProtocolErrors;

    /// <summary>Failed logins so far.</summary>
    public int LogonFailures => _context.LogonFailures;

    /// <summary>
    /// Whether the node is short of disk or memory: MAIL is then 452 4.3.1 (OXSMTP-EV-12). To be said before a line.
    /// </summary>
    public bool IsShortOfResources
    {
        set => _context.IsShortOfResources = value;
    }

    /// <summary>
    /// Whether the store answers nobody: MAIL and RCPT are then 451 4.3.0, before a client sends a body for nothing. To
    /// be said before a line.
    /// </summary>
    public bool IsStoreAway
    {
        set => _context.IsStoreAway = value;
    }

    /// <summary>The greeting (RFC 5321 §3.1).</summary>
    /// <param name="isOwing">
    /// An error was held back for this client on an earlier connection: the greeting is, once (OXSMTP-EV-19).
    /// </param>
    public void Start(DateTimeOffset now, List<SmtpEffect> effects, bool isOwing = false)
    {
        _context.Begin(effects, now);
        if (isOwing)
        {
            _context.Hold(_context.Options.TarpitInterval);
        }

        _context.Reply(_context.Options.Announcements.Greeting);
        _context.Finish();
    }

    /// <summary>What a client hears that no session is made for.</summary>
    public static SmtpReply Refusal(SmtpGreetingRefusal why) => SmtpReplies.ForGreeting(why).Value;

    /// <summary>Instead of <see cref="Start"/>.</summary>
    public void RefusedGreeting(SmtpGreetingRefusal why, List<SmtpEffect> effects)
    {
        _context.Begin(effects, default);
        _context.RefuseGreeting(why);
        _context.Finish();
    }

    /// <param name="line">Without CRLF, at most <see cref="LineOctetsMax"/> with it.</param>
    public void Line(ReadOnlySpan<byte> line, DateTimeOffset now, List<SmtpEffect> effects)
    {
        if (!Accepts(SmtpExpects.Line))
        {
            return;
        }

        _context.Begin(effects, now);
        if (State == SmtpStates.Sasl)
        {
            CommandName = SmtpCommandTable.SaslName;
            Auth.Respond(_context, line);
        }
        else
        {
            CommandName = SmtpCommandTable.Run(_context, line);
        }

        _context.Finish();
    }

    public void LineFault(LineFault fault, DateTimeOffset now, List<SmtpEffect> effects)
    {
        if (!Accepts(SmtpExpects.Line))
        {
            return;
        }

        _context.Begin(effects, now);
        if (State == SmtpStates.Sasl)
        {
            CommandName = SmtpCommandTable.SaslName;
            Auth.RespondFaulty(_context, fault);
        }
        else
        {
            CommandName = SmtpCommandTable.UnknownName;
            _context.Refuse(fault == Wire.LineFault.TooLong ? SmtpReplies.LineTooLong : SmtpReplies.BareLineFeed);
        }

        _context.Finish();
    }

    public void Answer(SmtpAnswer answer, DateTimeOffset now, List<SmtpEffect> effects)
    {
        if (!Accepts(SmtpExpects.Answer))
        {
            return;
        }

        _context.Begin(effects, now);
        _context.TakeContinuation()(_context, answer);
        _context.Finish();
    }

    /// <summary>
    /// Ends the session from outside: 421 4.4.2 for a time-out (OXSMTP-EV-01, EV-02), 421 4.3.2 for a drain, 421 4.3.0
    /// for
    /// a fault of ours, no word when nobody can read it. An answer that is still under way is dropped, with one
    /// exception: while
    /// a commit is (AcceptMessage), a time-out or a drain gives no effects now, and the session ends after the commit's
    /// reply.
    /// </summary>
    public void TimedOut(ConnectionEndReason why, List<SmtpEffect> effects)
    {
        if (State == SmtpStates.Closed)
        {
            return;
        }

        _context.Begin(effects, default);
        if (!_context.DefersEnd(why))
        {
            _context.End(why);
        }

        _context.Finish();
    }

    /// <summary>
    /// The node drains (I7): a transaction under way ends as it would have, the next MAIL gets 421 4.3.2. The shell
    /// ends idle
    /// sessions with <see cref="TimedOut"/> and <see cref="ConnectionEndReason.Draining"/>.
    /// </summary>
    public void Drain(List<SmtpEffect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        _context.IsDraining = true;
    }

    private bool Accepts(SmtpExpects input)
    {
        var expects = Expects;
        if (expects != input && expects != SmtpExpects.Nothing)
        {
            throw new InvalidOperationException($"The session expects {expects}, not {input}.");
        }

        return expects == input;
    }
}
