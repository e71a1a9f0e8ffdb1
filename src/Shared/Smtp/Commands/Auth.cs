using System.Diagnostics;
using System.Text;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 4954 §4. auth = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response] CRLF;
/// initial-response = base64 / "=". Outside of a transaction, once per session.
/// </summary>
internal static class Auth
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<Arguments>(
        "AUTH", SmtpStates.Greeted, SmtpCommandTraits.NeedsEhlo, Parse, Execute);

    /// <summary>RFC 4422 §3.1.</summary>
    private const int MechanismOctetsMax = 20;

    /// <summary>A line in <see cref="SmtpStates.Sasl"/>: base64, or "*" to cancel.</summary>
    public static void Respond(SmtpContext context, ReadOnlySpan<byte> line)
    {
        var exchange = context.Exchange ?? throw new UnreachableException();
        if (line.SequenceEqual("*"u8))
        {
            context.CloseSasl();
            context.Refuse(SmtpReplies.SaslCancelled);
        }
        else if (SaslBase64.TryDecode(line, out var response))
        {
            Follow(context, exchange, exchange.Respond(response));
        }
        else
        {
            context.CloseSasl();
            context.Refuse(SmtpReplies.BadBase64);
        }
    }

    /// <summary>Ends the exchange: a response that was not read cannot be answered.</summary>
    public static void RespondFaulty(SmtpContext context, LineFault fault)
    {
        context.CloseSasl();
        context.Refuse(fault == LineFault.TooLong ? SmtpReplies.SaslLineTooLong : SmtpReplies.BareLineFeed);
    }

    private static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out Arguments arguments)
    {
        arguments = default;
        var cursor = new AsciiCursor(text);
        var mechanism = cursor.TakeWhile(AsciiSets.SaslMechanism);
        if (mechanism.Length is 0 or > MechanismOctetsMax)
        {
            return SmtpReplies.BadArguments;
        }

        var name = Encoding.ASCII.GetString(mechanism).ToUpperInvariant();
        if (cursor.IsAtEnd)
        {
            arguments = new(name, null);
            return null;
        }

        if (cursor.SkipSpaces() == 0)
        {
            return SmtpReplies.BadArguments;
        }

        if (!SaslBase64.TryDecodeInitialResponse(cursor.Rest, out var response))
        {
            return SmtpReplies.BadBase64;
        }

        arguments = new(name, response);
        return null;
    }

    private static void Execute(SmtpContext context, Arguments arguments)
    {
        if (context.User is not null)
        {
            context.Refuse(SmtpReplies.AlreadyAuthenticated);
            return;
        }

        var announcements = context.Options.Announcements;
        if (!announcements.OffersAny)
        {
            context.Refuse(SmtpReplies.NotImplemented);
            return;
        }

        if (!announcements.Offers(arguments.Mechanism, context.Channel))
        {
            var needsTls = context.Tls is null && announcements.Offers(arguments.Mechanism, SaslChannel.BoundTls);
            context.Refuse(needsTls ? SmtpReplies.EncryptionRequired : SmtpReplies.UnknownMechanism);
            return;
        }

        if (context.Options.CreateSaslExchange(arguments.Mechanism, context.Tls?.Binding) is not { } exchange)
        {
            context.Refuse(SmtpReplies.UnknownMechanism);
            return;
        }

        context.OpenSasl(exchange);
        var step = exchange.Begin(arguments.InitialResponse);
        var isBegging = arguments.InitialResponse is null && step is SaslStep.Challenge { Octets.IsEmpty: true };
        if (isBegging && announcements.SupportedText(arguments.Mechanism) is { } supported)
        {
            context.Reply(supported);
            return;
        }

        Follow(context, exchange, step);
    }

    private static void Answered(SmtpContext context, SmtpAnswer answer)
    {
        var exchange = context.Exchange ?? throw new UnreachableException();
        var sasl = answer as SmtpAnswer.Sasl ?? throw new UnreachableException();
        Follow(context, exchange, exchange.Answer(sasl.Value));
    }

    private static void Follow(SmtpContext context, ISaslExchange exchange, SaslStep step)
    {
        Debug.Assert(ReferenceEquals(context.Exchange, exchange), "One exchange at a time.");
        switch (step)
        {
            case SaslStep.Challenge { Octets.IsEmpty: true }:
                context.Reply(SmtpReplies.EmptyChallenge);
                break;
            case SaslStep.Challenge challenge:
                context.Reply(new SmtpReply(334, null, Convert.ToBase64String(challenge.Octets.Span)));
                break;
            case SaslStep.Question question:
                context.Ask(new SmtpEffect.Authenticate(question), Answered);
                break;
            case SaslStep.Succeeded succeeded:
                context.CloseSasl();
                Succeed(context, succeeded.Identity);
                break;
            case SaslStep.Failed failed:
                context.CloseSasl();
                Fail(context, failed.Why);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static void Succeed(SmtpContext context, SaslIdentity identity)
    {
        if (context.Options.AllowedUsers is { } allowed && !allowed.Contains(identity.Address.ToLowerInvariant()))
        {
            context.EndByError(SmtpReplies.UserNotAllowed, ConnectionEndReason.NotAllowed);
            return;
        }

        context.User = identity;
        context.Reply(SmtpReplies.Authenticated);
    }

    private static void Fail(SmtpContext context, SaslFailure why)
    {
        switch (why)
        {
            case SaslFailure.BadCredentials:
                context.RefuseLogon(SmtpReplies.BadCredentials);
                break;
            case SaslFailure.Malformed:
                context.Refuse(SmtpReplies.BadSaslResponse);
                break;
            case SaslFailure.Temporary:
                context.Refuse(SmtpReplies.AuthenticationUnavailable);
                break;
            default:
                throw new UnreachableException();
        }
    }

    /// <param name="Mechanism">In upper case (OXSMTP-SASL-02).</param>
    private readonly record struct Arguments(string Mechanism, ReadOnlyMemory<byte>? InitialResponse);
}
