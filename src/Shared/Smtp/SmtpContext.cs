using System.Collections.Immutable;
using System.Diagnostics;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Smtp.Grammar;

namespace MailCluster.Shared.Smtp;

/// <summary>What a command does with the answer to what it asked.</summary>
internal delegate void SmtpContinuation(SmtpContext context, SmtpAnswer answer);

/// <summary>
/// The state of one session and the verbs with which commands change it. Everything that outlives a step is here.
/// </summary>
internal sealed class SmtpContext(SmtpSessionOptions options, SmtpConnection connection)
{
    private List<SmtpEffect>? _effects;
    private SmtpContinuation? _continuation;
    private List<SmtpRecipient>? _recipients;
    private SmtpTransaction? _body;
    private SmtpPath? _askedPath;
    private SmtpEffect.Reply? _chunkRefusal;
    private bool _isChunkRefusalCounted;
    private bool _wasGreetedWithRefusal;
    private (SmtpPath From, MailParameters Parameters) _askedSender = (SmtpPath.Null, default);
    private long _declaredOctets;
    private bool _isAccepting;
    private ConnectionEndReason? _endAfterAccept;

    public SmtpSessionOptions Options { get; } = options;

    public SmtpStates State { get; private set; } = SmtpStates.Start;

    public DateTimeOffset Now { get; private set; }

    public SmtpTls? Tls { get; private set; } = connection.Tls;

    public SaslChannel Channel => Tls switch
    {
        null => SaslChannel.Clear,
        { Binding: null } => SaslChannel.Tls,
        _ => SaslChannel.BoundTls,
    };

    /// <summary>Of the last EHLO or HELO.</summary>
    public string Helo { get; private set; } = string.Empty;

    /// <summary>EHLO, not HELO: extensions are in force.</summary>
    public bool IsExtended { get; private set; }

    public SaslIdentity? User { get; set; }

    public bool IsDraining { get; set; }

    public int ProtocolErrors { get; private set; }

    public int LogonFailures { get; private set; }

    public bool IsWaiting => _continuation is not null;

    public SmtpPath From { get; private set; } = SmtpPath.Null;

    public SmtpBodyKind Body { get; private set; }

    public bool IsSmtpUtf8 { get; private set; }

    public int RecipientCount => _recipients?.Count ?? 0;

    /// <summary>
    /// RCPT was tried in this transaction: a DATA without recipients is then 554, not 503 (RFC 5321 §3.3).
    /// </summary>
    public bool TriedRecipient { get; set; }

    /// <summary>
    /// The last MAIL was refused: what a pipelining client sent behind it (RFC 2920 §3.1) is out of sequence, but no
    /// error of
    /// the client's.
    /// </summary>
    public bool MailRefused { get; set; }

    /// <summary>
    /// Why the transaction of earlier chunks failed: chunks that were pipelined behind it get the same (RFC 3030 §2).
    /// Null when
    /// there is nothing to say.
    /// </summary>
    public SmtpEffect.Reply? ChunksRefused { get; set; }

    /// <summary>Octets of the chunks so far.</summary>
    public long ChunkOctets { get; set; }

    /// <summary>The mechanism under way; null outside <see cref="SmtpStates.Sasl"/>.</summary>
    public ISaslExchange? Exchange { get; set; }

    /// <summary>The node is short of disk or memory; as the shell last said.</summary>
    public bool IsShortOfResources { get; set; }

    /// <summary>The store answers nobody; as the shell last said.</summary>
    public bool IsStoreAway { get; set; }

    /// <summary>
    /// MAIL is refused: now, and for as long as the session lasts if its greeting was (OXSMTP-EV-12).
    /// </summary>
    public bool IsOutOfResources => IsShortOfResources || _wasGreetedWithRefusal;

    public void Begin(List<SmtpEffect> effects, DateTimeOffset now)
    {
        _effects = effects;
        Now = now;
    }

    public void Finish() => _effects = null;

    public void Reply(SmtpEffect.Reply reply) => Emit(reply);

    public void Reply(SmtpReply reply) => Emit(new SmtpEffect.Reply(reply));

    /// <summary>
    /// Says no; a syntax or sequence error is counted, and one too many ends the session (OXSMTP-EV-11).
    /// </summary>
    public void Refuse(SmtpEffect.Reply reply)
    {
        if (SmtpReplies.IsProtocolError(reply.Value) && ++ProtocolErrors > Options.MaxProtocolErrors)
        {
            EndByError(SmtpReplies.TooManyErrors, ConnectionEndReason.ProtocolErrors);
            return;
        }

        RefuseUncounted(reply);
    }

    /// <summary>Says no to what is out of sequence only because of an earlier refusal: not counted.</summary>
    public void RefuseUncounted(SmtpEffect.Reply reply)
    {
        Hold(Options.TarpitInterval);
        Emit(reply);
    }

    /// <summary>A failed login (OXSMTP-EV-11).</summary>
    public void RefuseLogon(SmtpEffect.Reply reply)
    {
        if (++LogonFailures > Options.MaxLogonFailures && Options.MaxLogonFailures > 0)
        {
            Hold(Options.AuthTarpitInterval);
            End(SmtpReplies.TooManyLogonFailures, ConnectionEndReason.LogonFailures);
            return;
        }

        Hold(Options.AuthTarpitInterval);
        Emit(reply);
    }

    /// <summary>What follows waits, as long as nobody has authenticated (OXSMTP-EV-19).</summary>
    public void Hold(TimeSpan interval)
    {
        if (User is null && interval > TimeSpan.Zero)
        {
            Emit(new SmtpEffect.Hold(interval));
        }
    }

    /// <summary>
    /// The last effect of its step; the answer goes to <paramref name="continuation"/>, a static method.
    /// </summary>
    public void Ask(SmtpEffect question, SmtpContinuation continuation)
    {
        _continuation = continuation;
        Emit(question);
    }

    public SmtpContinuation TakeContinuation()
    {
        var continuation = _continuation ?? throw new UnreachableException();
        _continuation = null;
        return continuation;
    }

    /// <summary>The answer to a command is the end: an error like any other, and so held back like one.</summary>
    public void EndByError(SmtpEffect.Reply last, ConnectionEndReason why)
    {
        DiscardBody();
        Hold(Options.TarpitInterval);
        End(last, why);
    }

    public void End(SmtpEffect.Reply last, ConnectionEndReason why)
    {
        DiscardBody();
        Emit(last);
        Close(why);
    }

    /// <summary>With the last words that the reason has, if any.</summary>
    public void End(ConnectionEndReason why)
    {
        if (SmtpReplies.ForEnd(why) is { } last)
        {
            End(last, why);
        }
        else
        {
            Close(why);
        }
    }

    public void RefuseGreeting(SmtpGreetingRefusal why)
    {
        var reply = SmtpReplies.ForGreeting(why);
        switch (why)
        {
            case SmtpGreetingRefusal.OutOfResources:
                _wasGreetedWithRefusal = true;
                Emit(reply);
                break;
            case SmtpGreetingRefusal.AddressNotAllowed:
                State = SmtpStates.Refused;
                Emit(reply);
                break;
            default:
                End(reply, SmtpReplies.EndReason(why));
                break;
        }
    }

    /// <summary>EHLO and HELO clear the transaction (RFC 5321 §4.1.4).</summary>
    public void Greet(ReadOnlySpan<byte> helo, bool isExtended)
    {
        ResetTransaction();
        if (!System.Text.Ascii.Equals(helo, Helo))
        {
            Helo = System.Text.Encoding.ASCII.GetString(helo);
        }

        IsExtended = isExtended;
        State = SmtpStates.Greeted;
    }

    public void AskSender(SmtpPath from, in MailParameters parameters, SmtpContinuation continuation)
    {
        _askedSender = (from, parameters);
        Ask(User is null ? SmtpEffect.TakeMessage.Anonymous : new SmtpEffect.TakeMessage(User), continuation);
    }

    /// <summary>With the sender that was last asked for.</summary>
    public void OpenAskedTransaction() =>
        OpenTransaction(_askedSender.From, _askedSender.Parameters);

    public void OpenTransaction(SmtpPath from, in MailParameters parameters)
    {
        ClearTransaction();
        From = from;
        Body = parameters.Body;
        IsSmtpUtf8 = parameters.IsSmtpUtf8;
        _declaredOctets = parameters.Size;
        State = SmtpStates.Mail;
    }

    public void AskRecipient(SmtpPath path, SmtpContinuation continuation)
    {
        _askedPath = path;
        Ask(new SmtpEffect.ResolveRecipient(path, _declaredOctets), continuation);
    }

    /// <summary>The address last asked for leads here.</summary>
    public void AddRecipient(ImmutableArray<MailboxId> mailboxes)
    {
        (_recipients ??= []).Add(new(_askedPath ?? throw new UnreachableException(), mailboxes));
        State = SmtpStates.Recipients;
    }

    /// <summary>Aborts or ends the transaction; what was received of a body is dropped.</summary>
    public void ResetTransaction()
    {
        DiscardBody();
        ClearTransaction();
    }

    public void OpenSasl(ISaslExchange exchange) => (Exchange, State) = (exchange, SmtpStates.Sasl);

    public void CloseSasl() => (Exchange, State) = (null, SmtpStates.Greeted);

    /// <summary>Everything the client said in the clear is forgotten (RFC 3207 §4.2).</summary>
    public void StartedTls(SmtpTls tls)
    {
        ResetTransaction();
        Tls = tls;
        Helo = string.Empty;
        IsExtended = false;
        User = null;
        State = SmtpStates.Start;
    }

    /// <summary>
    /// The envelope as it stands, from its first use on with a body at the shell: one value for all chunks of a
    /// message.
    /// </summary>
    public SmtpTransaction TransactionWithBody() => _body ??= Envelope();

    /// <summary>The message is committed: its body is the store's.</summary>
    public void CompleteTransaction()
    {
        _body = null;
        _isAccepting = false;
        ClearTransaction();
    }

    /// <summary>
    /// Asks for the commit. From here until the answer nothing else may be said about the message (I1).
    /// </summary>
    public void AskAccept(SmtpContinuation continuation)
    {
        _isAccepting = true;
        Ask(new SmtpEffect.AcceptMessage(TransactionWithBody()), continuation);
    }

    /// <summary>
    /// True: the commit is under way, and its outcome is told before the end. A retry after a 421 would otherwise make
    /// a second
    /// copy of a message that was kept.
    /// </summary>
    public bool DefersEnd(ConnectionEndReason why)
    {
        var defers = _isAccepting && why is ConnectionEndReason.Inactivity
            or ConnectionEndReason.ConnectionTimeout
            or ConnectionEndReason.Draining;
        if (defers)
        {
            _endAfterAccept = why;
        }

        return defers;
    }

    /// <summary>Nothing was committed: the body is dropped, the transaction is over.</summary>
    public void AcceptFailed()
    {
        _isAccepting = false;
        ResetTransaction();
    }

    /// <summary>The end that waited for the commit, if any.</summary>
    public void EndIfDeferred()
    {
        if (_endAfterAccept is { } why)
        {
            End(why);
        }
    }

    public void KeepChunk(long octets, bool isLast, SmtpContinuation continuation)
    {
        ChunkOctets += octets;
        State = SmtpStates.Chunks;
        Ask(new SmtpEffect.ReceiveChunk(TransactionWithBody(), octets, isLast, Keep: true), continuation);
    }

    /// <summary>
    /// The transaction fails, the chunk is read away, then <see cref="TellChunkRefusal"/>; later chunks of the same
    /// message meet
    /// the same end until LAST or a new transaction.
    /// </summary>
    public void RefuseChunk(
        SmtpEffect.Reply refusal, bool isCounted, long octets, bool isLast, SmtpContinuation continuation)
    {
        var isMessageFailed = (State & SmtpStates.Transaction) != 0 || ChunksRefused is not null;
        var wasMailRefused = MailRefused;
        var transaction = Envelope();
        ResetTransaction();
        MailRefused = wasMailRefused;
        ChunksRefused = isMessageFailed && !isLast ? refusal : null;
        (_chunkRefusal, _isChunkRefusalCounted) = (refusal, isCounted);
        Ask(new SmtpEffect.ReceiveChunk(transaction, octets, isLast, Keep: false), continuation);
    }

    public void TellChunkRefusal()
    {
        var refusal = _chunkRefusal ?? throw new UnreachableException();
        _chunkRefusal = null;
        if (_isChunkRefusalCounted)
        {
            Refuse(refusal);
        }
        else
        {
            RefuseUncounted(refusal);
        }
    }

    private void Close(ConnectionEndReason why)
    {
        DiscardBody();
        ClearTransaction();
        _continuation = null;
        Exchange = null;
        State = SmtpStates.Closed;
        Emit(new SmtpEffect.End(why));
    }

    private SmtpTransaction Envelope() => new(
        Helo,
        SmtpProtocolName.Of(IsExtended, Tls is not null, User is not null, IsSmtpUtf8),
        From,
        Body,
        IsSmtpUtf8,
        User,
        _recipients is null ? [] : [.. _recipients],
        Options.MaxMessageSize);

    private void DiscardBody()
    {
        // A commit under way may have become durable: its body is not ours to drop.
        var isOurs = _body is not null && !_isAccepting;
        _body = null;
        if (isOurs)
        {
            Emit(SmtpEffect.DiscardBody.Instance);
        }
    }

    private void ClearTransaction()
    {
        From = SmtpPath.Null;
        Body = SmtpBodyKind.SevenBit;
        IsSmtpUtf8 = false;
        TriedRecipient = false;
        MailRefused = false;
        ChunksRefused = null;
        ChunkOctets = 0;
        _recipients = null;
        _askedPath = null;
        if ((State & SmtpStates.Transaction) != 0)
        {
            State = SmtpStates.Greeted;
        }
    }

    private void Emit(SmtpEffect effect)
    {
        Debug.Assert(_effects is not null, "Effects come from a step only.");
        _effects.Add(effect);
    }
}
