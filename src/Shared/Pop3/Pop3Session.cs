using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3.Commands;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Pop3;

/// <summary>What the session can take next.</summary>
public enum Pop3Expects
{
    /// <summary>Line, LineFault, TimedOut or Drain.</summary>
    Line,

    /// <summary>The answer to the last effect, TimedOut or Drain.</summary>
    Answer,

    /// <summary>The session has ended.</summary>
    Nothing,
}

/// <summary>
/// One POP3 server session (RFC 1939 §3): lines and answers in, effects out, in the order in which they are to happen.
/// Deterministic; the caller carries out and clears the effects between two inputs.
/// </summary>
public sealed class Pop3Session(Pop3SessionOptions options, bool isTlsActive, ChannelBinding? binding = null)
{
    /// <summary>Of a SASL response with its CRLF (STANXPOP3-E0006).</summary>
    public const int SaslLineOctetsMax = 65_536 + 2;

    private Pop3Maildrop? _maildrop;
    private Pop3Effect? _question;
    private int _errorsInARow;

    public Pop3Expects Expects => State == Pop3States.Closed
        ? Pop3Expects.Nothing
        : _question is null ? Pop3Expects.Line : Pop3Expects.Answer;

    /// <summary>Limit of the next line with its CRLF.</summary>
    public int LineOctetsMax => State == Pop3States.Sasl ? SaslLineOctetsMax : options.MaxCommandSize;

    /// <summary>Exactly one state.</summary>
    public Pop3States State { get; private set; } = Pop3States.Authorization;

    public bool IsTlsActive { get; private set; } = isTlsActive;

    /// <summary>For the -PLUS mechanisms; null: they are not offered.</summary>
    internal ChannelBinding? Binding { get; private set; } = binding;

    internal SaslChannel Channel =>
        !IsTlsActive ? SaslChannel.Clear : Binding is null ? SaslChannel.Tls : SaslChannel.BoundTls;

    /// <summary>
    /// The maildrop is open: the longer inactivity timer holds (STANXPOP3-V0002), and a drain waits (I7).
    /// </summary>
    public bool IsAuthenticated => _maildrop is not null;

    /// <summary>Who logged in; null before.</summary>
    public SaslIdentity? Identity { get; private set; }

    /// <summary>Of the open maildrop.</summary>
    public MailboxId Mailbox => Maildrop.Snapshot.Mailbox;

    /// <summary>
    /// Of the last line: a verb of the command table, "SASL" for a response, otherwise "unknown". A closed set, for
    /// metrics.
    /// </summary>
    public string CommandName { get; private set; } = Pop3CommandTable.UnknownName;

    /// <summary>Unknown commands, wrong states, bad arguments, too long and badly ended lines so far.</summary>
    public int ProtocolErrors { get; private set; }

    /// <summary>Failed logins so far.</summary>
    public int LogonFailures { get; private set; }

    internal Pop3SessionOptions Options => options;

    internal Pop3Maildrop Maildrop => _maildrop ?? throw new InvalidOperationException("No maildrop is open.");

    internal bool IsDraining { get; private set; }

    /// <summary>
    /// Days that any mailbox of the server keeps its messages at least; null: none loses messages by age. To be said
    /// before a line.
    /// </summary>
    public int? ShortestRetention { internal get; set; }

    /// <summary>The client said UTF8 (RFC 6856 §2.1); forgotten with all else when TLS begins.</summary>
    internal bool IsUtf8 { get; set; }

    internal Pop3Login Login { get; } = new();

    /// <summary>The reply whose octets the session owns, so that a polling client costs no memory.</summary>
    private Pop3Effect.Reply Numbers => field ??= new(Pop3Reply.ForNumbers());

    /// <summary>The greeting (RFC 1939 §4).</summary>
    public void Start(DateTimeOffset now, List<Pop3Effect> effects) => effects.Add(options.Announcements.Greeting);

    /// <param name="line">Without CRLF, at most <see cref="LineOctetsMax"/> with it.</param>
    public void Line(ReadOnlySpan<byte> line, DateTimeOffset now, List<Pop3Effect> effects)
    {
        Demand(Pop3Expects.Line);
        var errors = ProtocolErrors;
        if (State == Pop3States.Sasl)
        {
            CommandName = Pop3CommandTable.SaslName;
            Login.Respond(this, line, effects);
        }
        else
        {
            Run(line, effects);
        }

        if (errors == ProtocolErrors)
        {
            _errorsInARow = 0;
        }
    }

    /// <summary>
    /// The line was skipped to its end, so the session is in sync; an authentication under way is over.
    /// </summary>
    public void LineFault(LineFault fault, DateTimeOffset now, List<Pop3Effect> effects)
    {
        Demand(Pop3Expects.Line);
        CommandName = State == Pop3States.Sasl ? Pop3CommandTable.SaslName : Pop3CommandTable.UnknownName;
        Login.Cancel(this);
        Refuse(fault == Wire.LineFault.TooLong ? Pop3Replies.LineTooLong : Pop3Replies.BareLineFeed, effects);
    }

    public void Answer(Pop3Answer answer, DateTimeOffset now, List<Pop3Effect> effects)
    {
        Demand(Pop3Expects.Answer);
        var question = _question;
        _question = null;
        switch (question, answer)
        {
            case (Pop3Effect.Authenticate asked, Pop3Answer.Sasl sasl):
                Login.Answer(this, asked.Question, sasl.Value, effects);
                break;
            case (Pop3Effect.Authenticate asked, Pop3Answer.Unavailable):
                Login.Answer(this, asked.Question, new SaslAnswer.Unavailable(), effects);
                break;
            case (Pop3Effect.OpenMaildrop, _):
                Login.Opened(this, answer, effects);
                break;
            case (Pop3Effect.SendMessage, Pop3Answer.MessageSent sent):
                Retr.Sent(sent.Verdict, effects);
                break;
            case (Pop3Effect.SendMessage, Pop3Answer.Unavailable):
                Retr.Sent(SendVerdict.Unavailable, effects);
                break;
            case (Pop3Effect.Update, Pop3Answer.Updated or Pop3Answer.Unavailable):
                Quit.Updated(this, answer is Pop3Answer.Updated { Removed: true }, effects);
                break;
            case (Pop3Effect.StartTls, Pop3Answer.TlsStarted started):
                IsTlsActive = true;
                IsUtf8 = false;
                Binding = started.Binding;
                Login.Forget();
                break;
            default:
                throw new InvalidOperationException($"{answer} does not answer {question}.");
        }
    }

    /// <summary>
    /// Ends the session from outside, with a line that says so (STANXPOP3-V0003) where one can be read. Nothing is
    /// removed: no Update is asked for. An answer that is still under way is dropped.
    /// </summary>
    public void TimedOut(ConnectionEndReason why, List<Pop3Effect> effects)
    {
        if (State != Pop3States.Closed)
        {
            End(why, Pop3Replies.ForEnd(why), effects);
        }
    }

    /// <summary>
    /// The node drains (I7): an open maildrop runs on to its QUIT, which must still remove what was marked; nobody else
    /// logs in here. The shell ends idle sessions with <see cref="TimedOut"/> and
    /// <see cref="ConnectionEndReason.Draining"/>.
    /// </summary>
    public void Drain(List<Pop3Effect> effects)
    {
        ArgumentNullException.ThrowIfNull(effects);
        IsDraining = true;
    }

    /// <summary>What <see cref="Pop3Effect.SendListing"/> is to write, after the reply before it.</summary>
    public Pop3Listing NewListing(Pop3ListingKind kind) => new(Maildrop, kind);

    /// <summary>
    /// The status line before the octets of <see cref="Pop3Effect.SendMessage"/>: "+OK n octets" for RETR, n as LIST
    /// shows it; TOP names no size, because it sends less.
    /// </summary>
    public Pop3Reply MessageFollows(MessageEntry entry)
    {
        if (_question is not Pop3Effect.SendMessage { BodyLines: null })
        {
            return Pop3Replies.MessageFollows;
        }

        var reply = Numbers.Value;
        reply.RenderOctets(options.EnableExactRFC822Size ? entry.WireOctets : entry.Octets);
        return reply;
    }

    /// <summary>A protocol error: counted, and the last one when there were too many in a row.</summary>
    internal void Refuse(Pop3Effect.Reply reply, List<Pop3Effect> effects)
    {
        ProtocolErrors++;
        if (++_errorsInARow > options.MaxProtocolErrors)
        {
            End(ConnectionEndReason.ProtocolErrors, Pop3Replies.TooManyErrors, effects);
            return;
        }

        effects.Add(reply);
    }

    /// <summary>A failed login (RFC 3206 §4): counted, and the last one when there were too many.</summary>
    internal void RefuseLogin(List<Pop3Effect> effects)
    {
        LogonFailures++;
        if (options.MaxLogonFailures > 0 && LogonFailures > options.MaxLogonFailures)
        {
            End(ConnectionEndReason.LogonFailures, Pop3Replies.LoginFailed, effects);
            return;
        }

        effects.Add(Pop3Replies.LoginFailed);
    }

    /// <summary>An effect that carries a question: the last of its step.</summary>
    internal void Ask(Pop3Effect question, List<Pop3Effect> effects)
    {
        _question = question;
        effects.Add(question);
    }

    internal void Enter(Pop3States state) => State = state;

    internal void Open(MaildropSnapshot snapshot, SaslIdentity identity)
    {
        _maildrop = new Pop3Maildrop(snapshot, options.EnableExactRFC822Size);
        Identity = identity;
        State = Pop3States.Transaction;
    }

    internal void End(ConnectionEndReason why, Pop3Effect.Reply? reply, List<Pop3Effect> effects)
    {
        State = Pop3States.Closed;
        _question = null;
        if (reply is not null)
        {
            effects.Add(reply);
        }

        effects.Add(new Pop3Effect.End(why));
    }

    /// <summary>"+OK first second".</summary>
    internal void ReplyNumbers(long first, long second, List<Pop3Effect> effects)
    {
        Numbers.Value.Render(first, second);
        effects.Add(Numbers);
    }

    /// <summary>
    /// A message-number (RFC 1939 §5): a decimal number from 1 to the number of messages, of a message that is not
    /// marked.
    /// </summary>
    internal bool TryFind(ref Pop3Arguments arguments, List<Pop3Effect> effects, out int index)
    {
        index = 0;
        if (!arguments.TryTakeNumber(out var number))
        {
            Refuse(Pop3Replies.Syntax, effects);
            return false;
        }

        index = number - 1;
        if (number == 0 || number > Maildrop.Count)
        {
            effects.Add(Pop3Replies.NoSuchMessage);
            return false;
        }

        if (Maildrop.IsMarked(index))
        {
            effects.Add(Pop3Replies.MessageIsMarked);
            return false;
        }

        return true;
    }

    /// <summary>As <see cref="TryFind"/>, and nothing may follow.</summary>
    internal bool TryFindOnly(Pop3Arguments arguments, List<Pop3Effect> effects, out int index)
    {
        var rest = arguments;
        if (rest.TryTakeWord(out _) && !rest.IsEmpty)
        {
            index = 0;
            Refuse(Pop3Replies.Syntax, effects);
            return false;
        }

        return TryFind(ref arguments, effects, out index);
    }

    /// <summary>
    /// RETR, or TOP with <paramref name="bodyLines"/>. A header in UTF-8 is not for who did not say UTF8, and there is
    /// no surrogate: a message is sent as it came or not at all (RFC 6856 §2.1, §5).
    /// </summary>
    internal void SendMessage(int index, int? bodyLines, List<Pop3Effect> effects)
    {
        var entry = Maildrop.Snapshot.Messages[index];
        if (entry.HasUtf8Header && !IsUtf8 && options.RequireUtf8Mode)
        {
            effects.Add(Pop3Replies.NeedsUtf8);
            return;
        }

        Ask(new Pop3Effect.SendMessage(entry, bodyLines), effects);
    }

    private void Run(ReadOnlySpan<byte> line, List<Pop3Effect> effects)
    {
        var end = line.IndexOfAny((byte)' ', (byte)'\t');
        var keyword = end < 0 ? line : line[..end];
        var arguments = new Pop3Arguments(line[keyword.Length..]);
        var row = Pop3CommandTable.Find(keyword);
        CommandName = row?.Verb ?? Pop3CommandTable.UnknownName;
        if (row is null)
        {
            Refuse(Pop3Replies.UnknownCommand, effects);
        }
        else if ((row.States & State) == 0)
        {
            Refuse(Pop3Replies.WrongState, effects);
        }
        else if ((row.Traits & Pop3CommandTraits.NoArguments) != 0 && !arguments.IsEmpty)
        {
            Refuse(Pop3Replies.NoArgumentsWanted, effects);
        }
        else if ((row.Traits & Pop3CommandTraits.SendsPassword) != 0 && !options.AllowsPassword(IsTlsActive))
        {
            effects.Add(Pop3Replies.PlainTextRefused);
        }
        else
        {
            row.Execute(this, arguments, effects);
        }
    }

    private void Demand(Pop3Expects input)
    {
        if (Expects != input)
        {
            throw new InvalidOperationException($"The session expects {Expects}, not {input}.");
        }
    }
}
