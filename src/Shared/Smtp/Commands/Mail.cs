using System.Diagnostics;
using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 5321 §4.1.1.2. mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF. Parameters: SIZE (RFC 1870), BODY
/// (RFC 6152, RFC 3030), AUTH (RFC 4954 §5), SMTPUTF8 (RFC 6531).
/// </summary>
internal static class Mail
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<Arguments>(
        "MAIL", SmtpStates.Greeted, SmtpCommandTraits.NeedsAuthenticationOnSubmission, Parse, Execute);

    private static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out Arguments arguments)
    {
        // What a pipelining client sends behind a refused MAIL is no error of its own.
        context.MailRefused = true;
        arguments = default;
        var cursor = new AsciiCursor(text);
        if (!cursor.TryTakeWord("FROM:"u8))
        {
            return SmtpReplies.BadArguments;
        }

        cursor.SkipSpaces();
        if (!MailPath.TryParseReverse(ref cursor, out var path))
        {
            return SmtpReplies.BadSender;
        }

        var fault = MailParameters.Parse(
            ref cursor, context.IsExtended, context.Options.Announcements.OffersAny, out var parameters);
        arguments = new(path, parameters);
        return fault switch
        {
            EsmtpParameterFault.Syntax => SmtpReplies.BadArguments,
            EsmtpParameterFault.Unknown => SmtpReplies.UnknownParameter,
            _ when path.NeedsUtf8 && !parameters.IsSmtpUtf8 => SmtpReplies.Utf8SenderNotDeclared,
            _ => null,
        };
    }

    private static void Execute(SmtpContext context, Arguments arguments)
    {
        if (context.IsDraining)
        {
            context.EndByError(SmtpReplies.ShuttingDown, ConnectionEndReason.Draining);
            return;
        }

        if (context.IsOutOfResources)
        {
            context.Refuse(SmtpReplies.OutOfResources);
            return;
        }

        if (context.IsStoreAway)
        {
            context.Refuse(SmtpReplies.StoreUnavailable);
            return;
        }

        if (arguments.Parameters.Size > context.Options.MaxMessageSize)
        {
            context.Refuse(SmtpReplies.MessageTooBig);
            return;
        }

        var parameters = arguments.Parameters;
        if (context.Options.CountsMessages)
        {
            context.AskSender(arguments.From, parameters, Counted);
            return;
        }

        context.OpenTransaction(arguments.From, parameters);
        context.Reply(SmtpReplies.SenderOk);
    }

    private static void Counted(SmtpContext context, SmtpAnswer answer)
    {
        var taken = answer as SmtpAnswer.MessageTaken ?? throw new UnreachableException();
        switch (taken.Rate)
        {
            case MessageRate.Within:
                context.OpenAskedTransaction();
                context.Reply(SmtpReplies.SenderOk);
                break;
            case MessageRate.Exceeded:
                context.EndByError(SmtpReplies.RateExceeded, ConnectionEndReason.LimitExceeded);
                break;
            case MessageRate.Unknown:
                context.Refuse(SmtpReplies.StoreUnavailable);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private readonly record struct Arguments(SmtpPath From, MailParameters Parameters);
}
