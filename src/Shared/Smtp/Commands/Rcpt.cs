using System.Diagnostics;
using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 5321 §4.1.1.3. rcpt = "RCPT TO:" ( "&lt;Postmaster@" Domain "&gt;" / "&lt;Postmaster&gt;" / Forward-path ) [SP
/// Rcpt-parameters]
/// CRLF. No parameter is offered yet (RFC 3461 comes with delivery reports): 555 5.5.4.
/// </summary>
internal static class Rcpt
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<SmtpPath>(
        "RCPT", SmtpStates.Mail | SmtpStates.Recipients, SmtpCommandTraits.None, Parse, Execute);

    private static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out SmtpPath path)
    {
        context.TriedRecipient = true;
        path = SmtpPath.Null;
        var cursor = new AsciiCursor(text);
        if (!cursor.TryTakeWord("TO:"u8))
        {
            return SmtpReplies.BadArguments;
        }

        cursor.SkipSpaces();
        if (!MailPath.TryParseForward(ref cursor, out path))
        {
            return SmtpReplies.BadRecipient;
        }

        return EsmtpParameters.ExpectNone(ref cursor) switch
        {
            EsmtpParameterFault.Syntax => SmtpReplies.BadArguments,
            EsmtpParameterFault.Unknown => SmtpReplies.UnknownParameter,
            _ when path.NeedsUtf8 && !context.IsSmtpUtf8 => SmtpReplies.Utf8SenderNotDeclared,
            _ => null,
        };
    }

    private static void Execute(SmtpContext context, SmtpPath path)
    {
        if (context.RecipientCount >= context.Options.MaxRecipientsPerMessage)
        {
            context.Refuse(SmtpReplies.TooManyRecipients);
            return;
        }

        if (context.IsStoreAway)
        {
            // What a cache says of the recipient helps nobody now.
            context.Refuse(SmtpReplies.StoreUnavailable);
            return;
        }

        context.AskRecipient(path, Answered);
    }

    private static void Answered(SmtpContext context, SmtpAnswer answer)
    {
        var verdict = answer is SmtpAnswer.Recipient { Verdict: var found } ? found : throw new UnreachableException();
        switch (verdict)
        {
            case RecipientVerdict.Local local:
                context.AddRecipient(local.Mailboxes);
                context.Reply(SmtpReplies.RecipientOk);
                break;
            case RecipientVerdict.Unknown:
                context.Refuse(SmtpReplies.UnknownUser);
                break;
            case RecipientVerdict.NotLocal:
                context.Refuse(SmtpReplies.RelayDenied);
                break;
            case RecipientVerdict.Disabled:
                context.Refuse(SmtpReplies.DisabledUser);
                break;
            case RecipientVerdict.OverQuota over:
                context.Refuse(over.IsPermanent ? SmtpReplies.MailboxFullForGood : SmtpReplies.MailboxFull);
                break;
            case RecipientVerdict.Unavailable:
                context.Refuse(SmtpReplies.StoreUnavailable);
                break;
            default:
                throw new UnreachableException();
        }
    }
}
