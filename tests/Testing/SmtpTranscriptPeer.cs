using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text;
using MailCluster.Shared;
using MailCluster.Shared.Mime;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Wire;

namespace MailCluster.Testing;

/// <summary>
/// An SMTP session with framer, unstuffer and header scanner around it, as the edge has them, and with answers that
/// follow
/// from the question: users of example.test exist but for unknown*, "disabled" and "away"; the password is "secret".
/// </summary>
public sealed class SmtpTranscriptPeer : ITranscriptPeer
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private readonly List<SmtpEffect> _effects = [];
    private readonly List<string> _output = [];
    private readonly List<byte> _body = [];
    private SmtpSession? _session;
    private LineFramer _framer;
    private DotUnstuffer _unstuffer;
    private HeaderScanner? _scanner;
    private bool _isReceivingData;
    private bool _keepsChunk;
    private long _chunkLeft = -1;
    private bool _dropsInput;
    private BodyFault _bodyFault;
    private bool _acceptsLater;
    private AcceptVerdict _verdict;
    private int _messagesLeft;

    public SmtpSession Session => _session ?? throw new InvalidOperationException("Not started.");

    /// <summary>Sees every step's effects before they are carried out.</summary>
    public Action<IReadOnlyList<SmtpEffect>>? Inspect { get; init; }

    public static SmtpSessionOptions Options(IReadOnlyDictionary<string, string> settings)
    {
        var options = new SmtpSessionOptions
        {
            HostName = "mx.example.test",
            Role = Enum.Parse<SmtpRole>(settings.GetValueOrDefault("role", "gateway"), ignoreCase: true),
            OffersStartTls = settings.GetValueOrDefault("tls") == "offer",
            CreateSaslExchange = FakeSaslExchange.Create,
            AuthMechanisms = settings.TryGetValue("auth", out var auth) ? [.. auth.Split(',')] : [],
            RequireTlsForPlaintextAuth = settings.GetValueOrDefault("plaintext") != "allowed",
            AnnouncesObsoleteAuth = settings.ContainsKey("obsolete-auth"),
            AllowedUsers = settings.TryGetValue("allowed", out var allowed) ? allowed.Split(',').ToFrozenSet() : null,
            MaxMessageSize = Number(settings, "max-message", 37_748_736),
            MaxHeaderSize = Number(settings, "max-header", 262_144),
            MaxHopCount = (int)Number(settings, "max-hops", 30),
            MaxLocalHopCount = (int)Number(settings, "max-local-hops", 8),
            MaxRecipientsPerMessage = (int)Number(settings, "max-recipients", 200),
            MaxProtocolErrors = (int)Number(settings, "max-errors", 5),
            MaxLogonFailures = (int)Number(settings, "max-logons", 3),
            CountsMessages = settings.ContainsKey("rate"),
            TarpitInterval = TimeSpan.FromSeconds(Number(settings, "tarpit", 0)),
            AuthTarpitInterval = TimeSpan.FromSeconds(Number(settings, "auth-tarpit", 0)),
        };
        return settings.TryGetValue("supported", out var supported)
            ? options with { SaslSupportedText = [.. supported.Split(',')] }
            : options;
    }

    public void Start(IReadOnlyDictionary<string, string> settings)
    {
        _messagesLeft = (int)Number(settings, "rate", 0);
        _bodyFault = Enum.Parse<BodyFault>(settings.GetValueOrDefault("body-fault", "None"), ignoreCase: true);
        _acceptsLater = settings.GetValueOrDefault("acknowledge") == "later";
        _verdict = Enum.Parse<AcceptVerdict>(settings.GetValueOrDefault("verdict", "Committed"));
        var isTls = settings.GetValueOrDefault("tls") == "active";
        var tls = isTls ? new SmtpTls("TLSv1.3", "TLS_AES_256_GCM_SHA384") : null;
        _session = new(Options(settings), new SmtpConnection("192.0.2.1", tls));
        if (settings.TryGetValue("greeting", out var refusal))
        {
            _session.RefusedGreeting(Enum.Parse<SmtpGreetingRefusal>(refusal), _effects);
        }
        else
        {
            _session.Start(Now, _effects, settings.ContainsKey("owing"));
        }

        CarryOut();
    }

    public SequencePosition Feed(in ReadOnlySequence<byte> input)
    {
        _dropsInput = false;
        var rest = input;
        while (Session.Expects != SmtpExpects.Nothing && !_dropsInput)
        {
            var before = rest.Length;
            var isProgress = _isReceivingData ? FeedData(ref rest)
                : _chunkLeft >= 0 ? FeedChunk(ref rest)
                : FeedLine(ref rest);
            if (!isProgress && rest.Length == before)
            {
                return rest.Start;
            }
        }

        return input.End;
    }

    public void Happen(string what)
    {
        switch (what)
        {
            case "drain":
                Session.Drain(_effects);
                break;
            case "resources short":
                Session.IsShortOfResources = true;
                break;
            case "resources enough":
                Session.IsShortOfResources = false;
                break;
            case "store away":
                Session.IsStoreAway = true;
                break;
            case "store back":
                Session.IsStoreAway = false;
                break;
            case "acknowledged":
                _acceptsLater = false;
                Accepted();
                return;
            case var _ when what.StartsWith("end ", StringComparison.Ordinal):
                Session.TimedOut(Enum.Parse<ConnectionEndReason>(what[4..]), _effects);
                break;
            default:
                throw new InvalidOperationException(what);
        }

        CarryOut();
    }

    public IReadOnlyList<string> TakeOutput()
    {
        string[] output = [.. _output];
        _output.Clear();
        return output;
    }

    private static long Number(IReadOnlyDictionary<string, string> settings, string key, long otherwise) =>
        settings.TryGetValue(key, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private bool FeedLine(ref ReadOnlySequence<byte> rest)
    {
        var isRead = _framer.TryRead(rest, Session.LineOctetsMax, out var line, out var consumed, out var fault);
        if (isRead && fault == LineFault.None)
        {
            Session.Line(line.ToArray(), Now, _effects);
        }
        else if (isRead)
        {
            Session.LineFault(fault, Now, _effects);
        }

        rest = rest.Slice(consumed);
        CarryOut();
        return isRead;
    }

    private bool FeedData(ref ReadOnlySequence<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return false;
        }

        // A sequence may begin with an empty segment.
        var position = rest.Start;
        ReadOnlyMemory<byte> first;
        while (rest.TryGet(ref position, out first) && first.IsEmpty)
        {
        }

        var input = first.Span;
        var output = new byte[input.Length + 2];
        var isEnd = _unstuffer.Decode(input, output, out var consumed, out var written);
        rest = rest.Slice(consumed);
        Keep(output.AsSpan(0, written));
        if (isEnd)
        {
            _isReceivingData = false;
            Answer(new SmtpAnswer.BodyReceived(Summary()));
        }

        return true;
    }

    private bool FeedChunk(ref ReadOnlySequence<byte> rest)
    {
        var taken = Math.Min(rest.Length, _chunkLeft);
        if (_keepsChunk)
        {
            foreach (var memory in rest.Slice(0, taken))
            {
                Keep(memory.Span);
            }
        }

        rest = rest.Slice(taken);
        _chunkLeft -= taken;
        if (_chunkLeft > 0)
        {
            return false;
        }

        _chunkLeft = -1;
        Answer(_keepsChunk ? new SmtpAnswer.BodyReceived(Summary()) : SmtpAnswer.ChunkDropped.Instance);
        return true;
    }

    private void Keep(ReadOnlySpan<byte> octets)
    {
        _scanner ??= new(["mx.example.test"]);
        _scanner.Add(octets);
        _body.AddRange(octets);
    }

    private BodySummary Summary() => new(
        _body.Count,
        _scanner?.HeaderOctets ?? 0,
        _scanner?.ReceivedFields ?? 0,
        _scanner?.LocalReceivedFields ?? 0,
        _bodyFault);

    private void Answer(SmtpAnswer answer)
    {
        Session.Answer(answer, Now, _effects);
        CarryOut();
    }

    /// <summary>Answers are given in place, so this calls itself at most once per question of a command.</summary>
    private void CarryOut()
    {
        SmtpEffect[] effects = [.. _effects];
        _effects.Clear();
        Inspect?.Invoke(effects);
        foreach (var effect in effects)
        {
            CarryOut(effect);
        }
    }

    private void CarryOut(SmtpEffect effect)
    {
        switch (effect)
        {
            case SmtpEffect.Reply reply:
                var text = reply.Value.ToString();
                _output.AddRange(text[..^2].Split("\r\n").Select(x => "S: " + x));
                break;
            case SmtpEffect.Hold hold:
                _output.Add($"E: Hold {hold.Interval.TotalSeconds.ToString(CultureInfo.InvariantCulture)} s");
                break;
            case SmtpEffect.TakeMessage take:
                _output.Add("E: TakeMessage " + (take.User?.Address ?? "by address"));
                Answer(new SmtpAnswer.MessageTaken(TakeMessage()));
                break;
            case SmtpEffect.ResolveRecipient question:
                var declared = question.DeclaredOctets > 0
                    ? $" for {question.DeclaredOctets.ToString(CultureInfo.InvariantCulture)} octets" : string.Empty;
                _output.Add("E: ResolveRecipient " + TraceHeaders.AddressOf(question.Path) + declared);
                Answer(new SmtpAnswer.Recipient(Resolve(question.Path)));
                break;
            case SmtpEffect.Authenticate { Question: SaslStep.CheckPassword question }:
                _output.Add($"E: CheckPassword [{question.AuthorizationIdentity}] {question.User}");
                Answer(new SmtpAnswer.Sasl(Check(question)));
                break;
            case SmtpEffect.ReceiveData data:
                _output.Add("E: ReceiveData " + Show(data.Transaction));
                _isReceivingData = true;
                _unstuffer = default;
                _body.Clear();
                _scanner = null;
                break;
            case SmtpEffect.ReceiveChunk chunk:
                var fate = chunk.Keep ? "keep" : "drop";
                _output.Add($"E: ReceiveChunk {chunk.Octets} {fate}{(chunk.Last ? " last" : string.Empty)}");
                _chunkLeft = chunk.Octets;
                _keepsChunk = chunk.Keep;
                break;
            case SmtpEffect.AcceptMessage accept:
                _output.Add($"E: AcceptMessage {Show(accept.Transaction)} \"{Excerpt()}\"");
                Forget();
                if (!_acceptsLater)
                {
                    Accepted();
                }

                break;
            case SmtpEffect.DiscardBody:
                _output.Add("E: DiscardBody");
                Forget();
                break;
            case SmtpEffect.StartTls:
                _output.Add("E: StartTls");
                _dropsInput = true;
                Answer(new SmtpAnswer.TlsStarted("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
                break;
            case SmtpEffect.End end:
                _output.Add("E: End " + end.Reason);
                break;
            default:
                throw new InvalidOperationException(effect.ToString());
        }
    }

    /// <summary>-1: the count cannot be asked.</summary>
    private MessageRate TakeMessage() => _messagesLeft switch
    {
        < 0 => MessageRate.Unknown,
        0 => MessageRate.Exceeded,
        _ => --_messagesLeft >= 0 ? MessageRate.Within : MessageRate.Exceeded,
    };

    private void Accepted() =>
        Answer(new SmtpAnswer.Accepted(_verdict, _verdict == AcceptVerdict.Committed ? "Q1" : string.Empty));

    private void Forget()
    {
        _body.Clear();
        _scanner = null;
    }

    private string Excerpt()
    {
        const int octetsMax = 400;
        return OctetText.Show(_body.Take(octetsMax).ToArray()) + (_body.Count > octetsMax ? "…" : string.Empty);
    }

    private static string Show(SmtpTransaction transaction)
    {
        var text = new StringBuilder(transaction.Protocol);
        text.Append(' ').Append(transaction.Body);
        text.Append(" <").Append(TraceHeaders.AddressOf(transaction.From)).Append('>');
        foreach (var recipient in transaction.Recipients)
        {
            text.Append(" -> <").Append(TraceHeaders.AddressOf(recipient.Path)).Append('>');
        }

        return text.ToString();
    }

    private static RecipientVerdict Resolve(SmtpPath path) => path switch
    {
        { Domain: null } => new RecipientVerdict.Local([new MailboxId(1)]),
        { Domain: not ("example.test" or "[192.0.2.9]") } => new RecipientVerdict.NotLocal(),
        { LocalPart: "disabled" } => new RecipientVerdict.Disabled(),
        { LocalPart: "away" } => new RecipientVerdict.Unavailable(),
        { LocalPart: "full" } => new RecipientVerdict.OverQuota(IsPermanent: false),
        { LocalPart: "full-for-good" } => new RecipientVerdict.OverQuota(IsPermanent: true),
        _ when path.LocalPart.StartsWith("unknown", StringComparison.Ordinal) => new RecipientVerdict.Unknown(),
        _ => new RecipientVerdict.Local([new MailboxId(2)]),
    };

    private static SaslAnswer Check(SaslStep.CheckPassword question) => question.Password switch
    {
        "secret" => new SaslAnswer.PasswordAccepted(
            new(new AccountId(2), new TenantId(1), question.User + "@example.test")),
        "away" => new SaslAnswer.Unavailable(),
        _ => new SaslAnswer.PasswordRefused(),
    };
}
