using System.Diagnostics;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 5321 §4.1.1.4. data = "DATA" CRLF; 354, the octets up to CRLF.CRLF, then the verdict on the message.
/// </summary>
internal static class Data
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For(
        "DATA", SmtpStates.Mail | SmtpStates.Recipients, SmtpCommandTraits.None, Execute);

    private static void Execute(SmtpContext context)
    {
        if (context.RecipientCount == 0)
        {
            // RFC 5321 §3.3: 503 or 554; a pipelining client whose recipients were all refused made no error.
            if (context.TriedRecipient)
            {
                context.Refuse(SmtpReplies.NoValidRecipients);
                context.ResetTransaction();
            }
            else
            {
                context.Refuse(SmtpReplies.BadSequence);
            }

            return;
        }

        if (context.Body == SmtpBodyKind.BinaryMime)
        {
            context.Refuse(SmtpReplies.BinaryNeedsChunks);
            return;
        }

        context.Reply(SmtpReplies.StartInput);
        context.Ask(new SmtpEffect.ReceiveData(context.TransactionWithBody()), Received);
    }

    private static void Received(SmtpContext context, SmtpAnswer answer)
    {
        var summary = answer is SmtpAnswer.BodyReceived { Summary: var body } ? body : throw new UnreachableException();
        MessageVerdict.Judge(context, summary);
    }
}
