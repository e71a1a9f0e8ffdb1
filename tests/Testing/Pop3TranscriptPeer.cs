using System.Buffers;
using System.Globalization;
using System.Text;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Wire;

namespace MailCluster.Testing;

/// <summary>
/// A POP3 session with a framer before it, as the edge has it, and with answers that follow from the question: the
/// password is "secret", "away" finds no store; the users "busy" and "homeless" have a maildrop that does not open,
/// "silent" gets no answer at all. Options: maildrop=number:octets[/wire octets],… login tls=offer|active type=…
/// auth=mechanism,… gone=number unreadable=number utf8=number update=failed|unavailable, and the limits by their names.
/// </summary>
public sealed class Pop3TranscriptPeer : ITranscriptPeer
{
    public static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private static readonly ScramKeys Keys =
        ScramSha256.Derive("secret", Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), ScramSha256.IterationsMin);

    private readonly List<Pop3Effect> _effects = [];
    private readonly List<string> _output = [];
    private IReadOnlyDictionary<string, string> _settings = new Dictionary<string, string>();
    private Pop3Session? _session;
    private LineFramer _framer;
    private bool _dropsInput;

    public Pop3Session Session => _session ?? throw new InvalidOperationException("Not started.");

    /// <summary>Sees every step's effects before they are carried out.</summary>
    public Action<IReadOnlyList<Pop3Effect>>? Inspect { get; init; }

    public static Pop3SessionOptions Options(IReadOnlyDictionary<string, string> settings) => new()
    {
        LoginType = Enum.Parse<Pop3LoginType>(settings.GetValueOrDefault("type", nameof(Pop3LoginType.PlainTextLogin))),
        OffersStls = settings.GetValueOrDefault("tls") == "offer",
        EnableExactRFC822Size = settings.ContainsKey("exact"),
        RequireUtf8Mode = !settings.ContainsKey("utf8-as-is"),
        MaxCommandSize = Number(settings, "max-command", 512),
        MaxLogonFailures = Number(settings, "max-logons", 3),
        MaxProtocolErrors = Number(settings, "max-errors", 50),
        Banner = settings.GetValueOrDefault("banner", "MailCluster POP3 ready"),
        Mechanisms = settings.TryGetValue("auth", out var auth) ? [.. auth.Split(',')] : SaslMechanisms.OfOurOwn,
        CreateSaslExchange = (name, _) =>
            SaslMechanisms.TryCreate(name, new SaslContext("server-nonce"), out var exchange) ? exchange : null,
    };

    public static MaildropSnapshot Snapshot(IReadOnlyDictionary<string, string> settings) => new(
        new MailboxId(7), 1,
        [.. settings.GetValueOrDefault("maildrop", string.Empty)
            .Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(text => ParseEntry(text, settings.GetValueOrDefault("utf8")))]);

    public void Start(IReadOnlyDictionary<string, string> settings)
    {
        _settings = settings;
        _session = new Pop3Session(Options(settings), settings.GetValueOrDefault("tls") == "active");
        Session.Start(Now, _effects);
        CarryOut();
        if (settings.ContainsKey("login"))
        {
            Session.Line("USER alice"u8, Now, _effects);
            Session.Line("PASS secret"u8, Now, _effects);
            CarryOut();
            _output.Clear();
        }
    }

    public SequencePosition Feed(in ReadOnlySequence<byte> input)
    {
        _dropsInput = false;
        var rest = input;
        while (Session.Expects == Pop3Expects.Line && !_dropsInput)
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
            if (!isRead)
            {
                return rest.Start;
            }
        }

        return Session.Expects == Pop3Expects.Answer ? rest.Start : input.End;
    }

    public void Happen(string what)
    {
        if (what == "drain")
        {
            Session.Drain(_effects);
        }
        else if (what.StartsWith("retention ", StringComparison.Ordinal))
        {
            Session.ShortestRetention = int.Parse(what["retention ".Length..], CultureInfo.InvariantCulture);
        }
        else
        {
            Session.TimedOut(Enum.Parse<ConnectionEndReason>(what["end ".Length..]), _effects);
        }

        CarryOut();
    }

    public IReadOnlyList<string> TakeOutput()
    {
        string[] output = [.. _output];
        _output.Clear();
        return output;
    }

    private static int Number(IReadOnlyDictionary<string, string> settings, string key, int otherwise) =>
        settings.TryGetValue(key, out var text) ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private static MessageEntry ParseEntry(string text, string? utf8)
    {
        var parts = text.Split(':', '/').Select(part => long.Parse(part, CultureInfo.InvariantCulture)).ToArray();
        var traits = text.Split(':')[0] == utf8 ? MessageTraits.Utf8Header : MessageTraits.None;
        return new MessageEntry(
            new MessageNumber(parts[0]), new BodyId(parts[0]), (uint)parts[1], (uint)parts[^1], traits);
    }

    /// <summary>Answers are given in place, so this calls itself at most once per question of a command.</summary>
    private void CarryOut()
    {
        Pop3Effect[] effects = [.. _effects];
        _effects.Clear();
        Inspect?.Invoke(effects);
        foreach (var effect in effects)
        {
            if (CarryOut(effect) is { } answer)
            {
                Session.Answer(answer, Now, _effects);
                CarryOut();
            }
        }
    }

    private Pop3Answer? CarryOut(Pop3Effect effect)
    {
        switch (effect)
        {
            case Pop3Effect.Reply reply:
                Say(reply.Value.Wire.Span);
                return null;
            case Pop3Effect.SendListing listing:
                Say(Listing(listing.Kind));
                return null;
            case Pop3Effect.Authenticate { Question: SaslStep.CheckPassword check }:
                _output.Add($"E: CheckPassword [{check.AuthorizationIdentity}] [{check.User}] [{check.Password}]");
                return check.User == "silent" ? null : new Pop3Answer.Sasl(Check(check));
            case Pop3Effect.Authenticate { Question: SaslStep.FindKeys find }:
                _output.Add($"E: FindKeys [{find.User}]");
                var identity = find.User == "nobody" ? null : IdentityOf(find.User);
                return new Pop3Answer.Sasl(new SaslAnswer.Keys(Keys, identity));
            case Pop3Effect.Authenticate { Question: { } question }:
                return new Pop3Answer.Sasl(Check(question));
            case Pop3Effect.OpenMaildrop open:
                _output.Add($"E: OpenMaildrop {open.Account.Value}");
                return Open(open.Account.Value);
            case Pop3Effect.SendMessage send:
                return Send(send);
            case Pop3Effect.Update update:
                var numbers = string.Join(' ', update.Numbers.Select(x => x.Value));
                _output.Add($"E: Update {update.Mailbox.Value}: {numbers}");
                return _settings.GetValueOrDefault("update") == "unavailable"
                    ? Pop3Answer.Unavailable.Instance
                    : new Pop3Answer.Updated(_settings.GetValueOrDefault("update") != "failed");
            case Pop3Effect.StartTls:
                _output.Add("E: StartTls");
                _dropsInput = true;
                return Pop3Answer.TlsStarted.Instance;
            case Pop3Effect.End end:
                _output.Add("E: End " + end.Reason);
                return null;
            default:
                throw new InvalidOperationException(effect.ToString());
        }
    }

    private static SaslIdentity IdentityOf(string user) => new(
        new AccountId(user switch { "busy" => 8, "homeless" => 9, _ => 7 }), new TenantId(1), user + "@example.test");

    private static SaslAnswer Check(SaslStep.CheckPassword question) => question.Password switch
    {
        "secret" => new SaslAnswer.PasswordAccepted(IdentityOf(question.User)),
        "away" => new SaslAnswer.Unavailable(),
        _ => new SaslAnswer.PasswordRefused(),
    };

    /// <summary>
    /// A security context by its token's last letter: 'c' goes on, 's' stands with a token for the client, 'e' without
    /// one, 'u' has no keytab, any other is refused. Wrapping changes nothing.
    /// </summary>
    private SaslAnswer Check(SaslStep.Question question)
    {
        switch (question)
        {
            case SaslStep.AcceptToken accept:
                _output.Add($"E: AcceptToken {accept.Package}{(accept.IsFirst ? " first" : string.Empty)}");
                var name = accept.Package == SaslPackage.Ntlm ? @"EXAMPLE.TEST\alice" : "alice@EXAMPLE.TEST";
                return (char)accept.Token.Span[^1] switch
                {
                    'c' => new SaslAnswer.ContextContinues("challenge"u8.ToArray()),
                    's' => new SaslAnswer.ContextEstablished("reply"u8.ToArray(), name),
                    'e' => new SaslAnswer.ContextEstablished(ReadOnlyMemory<byte>.Empty, name),
                    'u' => new SaslAnswer.Unavailable(),
                    _ => new SaslAnswer.TokenRefused(),
                };
            case SaslStep.Wrap wrap:
                _output.Add("E: Wrap");
                return new SaslAnswer.Octets(wrap.Octets);
            case SaslStep.Unwrap unwrap:
                _output.Add("E: Unwrap");
                return new SaslAnswer.Octets(unwrap.Token);
            case SaslStep.FindAccount find:
                _output.Add($"E: FindAccount [{find.Address}]");
                return new SaslAnswer.Account(IdentityOf(find.Address.Split('@')[0]));
            default:
                throw new InvalidOperationException(question.ToString());
        }
    }

    private Pop3Answer Open(long account) => account switch
    {
        8 => Pop3Answer.InUse.Instance,
        9 => Pop3Answer.Unavailable.Instance,
        _ => new Pop3Answer.MaildropOpened(Snapshot(_settings)),
    };

    private Pop3Answer.MessageSent Send(Pop3Effect.SendMessage send)
    {
        var number = send.Entry.Number.Value.ToString(CultureInfo.InvariantCulture);
        _output.Add($"E: SendMessage {number} {send.BodyLines?.ToString(CultureInfo.InvariantCulture) ?? "all"}");
        if (_settings.GetValueOrDefault("gone") == number)
        {
            return new Pop3Answer.MessageSent(SendVerdict.Gone);
        }

        if (_settings.GetValueOrDefault("unreadable") == number)
        {
            return new Pop3Answer.MessageSent(SendVerdict.Unavailable);
        }

        Say(Session.MessageFollows(send.Entry).Wire.Span);
        return Pop3Answer.MessageSent.Sent;
    }

    private byte[] Listing(Pop3ListingKind kind)
    {
        var listing = Session.NewListing(kind);
        var wire = new List<byte>();
        var piece = new byte[Pop3Listing.DestinationOctetsMin];
        bool isDone;
        do
        {
            isDone = listing.Write(piece, out var written);
            wire.AddRange(piece.AsSpan(0, written));
        }
        while (!isDone);

        return [.. wire];
    }

    private void Say(ReadOnlySpan<byte> wire)
    {
        var text = Encoding.UTF8.GetString(wire);
        if (!text.EndsWith("\r\n", StringComparison.Ordinal))
        {
            throw new InvalidOperationException("A response does not end in CRLF.");
        }

        _output.AddRange(text[..^2].Split("\r\n").Select(x => "S: " + x));
    }
}
