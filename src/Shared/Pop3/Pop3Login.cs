using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// From USER or AUTH to the open maildrop (RFC 1939 §4, RFC 5034 §4). A failure leaves nothing behind.
/// </summary>
internal sealed class Pop3Login
{
    private ISaslExchange? _exchange;
    private SaslIdentity? _identity;

    /// <summary>What USER said; null before, and again after each PASS (RFC 1939 §7).</summary>
    public string? User { get; set; }

    /// <summary>Begins a SASL exchange; <paramref name="initialResponse"/> is null when there was none.</summary>
    public void Begin(
        Pop3Session session, ISaslExchange exchange, ReadOnlyMemory<byte>? initialResponse, List<Pop3Effect> effects)
    {
        User = null;
        _exchange = exchange;
        Take(session, exchange.Begin(initialResponse), effects);
    }

    /// <summary>PASS: one question, no exchange.</summary>
    public static void AskPassword(Pop3Session session, string user, string password, List<Pop3Effect> effects) =>
        session.Ask(
            new Pop3Effect.Authenticate(new SaslStep.CheckPassword(string.Empty, user, password)), effects);

    /// <summary>A response, or "*" (RFC 5034 §4).</summary>
    public void Respond(Pop3Session session, ReadOnlySpan<byte> line, List<Pop3Effect> effects)
    {
        session.Enter(Pop3States.Authorization);
        if (line.SequenceEqual("*"u8))
        {
            _exchange = null;
            effects.Add(Pop3Replies.AuthenticationCancelled);
        }
        else if (!SaslBase64.TryDecode(line, out var response))
        {
            _exchange = null;
            session.Refuse(Pop3Replies.MalformedResponse, effects);
        }
        else
        {
            Take(session, _exchange!.Respond(response), effects);
        }
    }

    public void Answer(Pop3Session session, SaslStep question, SaslAnswer answer, List<Pop3Effect> effects) =>
        Take(
            session,
            _exchange?.Answer(answer) ?? PasswordCheck.Conclude((SaslStep.CheckPassword)question, answer),
            effects);

    public void Opened(Pop3Session session, Pop3Answer answer, List<Pop3Effect> effects)
    {
        var identity = _identity!;
        _identity = null;
        switch (answer)
        {
            case Pop3Answer.MaildropOpened opened:
                session.Open(opened.Snapshot, identity);
                effects.Add(Pop3Replies.LoggedIn);
                break;
            case Pop3Answer.InUse:
                effects.Add(Pop3Replies.MaildropInUse);
                break;
            case Pop3Answer.Unavailable:
                effects.Add(Pop3Replies.LoginUnavailable);
                break;
            default:
                throw new InvalidOperationException($"{answer} does not answer OpenMaildrop.");
        }
    }

    /// <summary>An exchange under way ends; nothing else changes.</summary>
    public void Cancel(Pop3Session session)
    {
        _exchange = null;
        if (session.State == Pop3States.Sasl)
        {
            session.Enter(Pop3States.Authorization);
        }
    }

    /// <summary>After TLS nothing is known that was said before (RFC 2595 §4).</summary>
    public void Forget()
    {
        _exchange = null;
        User = null;
    }

    private void Take(Pop3Session session, SaslStep step, List<Pop3Effect> effects)
    {
        switch (step)
        {
            case SaslStep.Challenge challenge:
                session.Enter(Pop3States.Sasl);
                effects.Add(new Pop3Effect.Reply(Pop3Reply.Challenge(challenge.Octets.Span)));
                break;
            case SaslStep.Question question:
                session.Ask(new Pop3Effect.Authenticate(question), effects);
                break;
            case SaslStep.Succeeded when session.IsDraining:
                _exchange = null;
                session.End(ConnectionEndReason.Draining, Pop3Replies.ForEnd(ConnectionEndReason.Draining), effects);
                break;
            case SaslStep.Succeeded succeeded:
                _exchange = null;
                _identity = succeeded.Identity;
                session.Ask(new Pop3Effect.OpenMaildrop(succeeded.Identity.Account), effects);
                break;
            case SaslStep.Failed failed:
                _exchange = null;
                Fail(session, failed.Why, effects);
                break;
        }
    }

    private static void Fail(Pop3Session session, SaslFailure why, List<Pop3Effect> effects)
    {
        switch (why)
        {
            case SaslFailure.BadCredentials:
                session.RefuseLogin(effects);
                break;
            case SaslFailure.Malformed:
                session.Refuse(Pop3Replies.MalformedResponse, effects);
                break;
            default:
                effects.Add(Pop3Replies.LoginUnavailable);
                break;
        }
    }
}
