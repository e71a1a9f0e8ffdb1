using System.Globalization;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Tests.Delivery;

/// <summary>Transactions with one recipient per mailbox.</summary>
internal static class Envelopes
{
    public static SmtpTransaction To(params ReadOnlySpan<MailboxId> mailboxes)
    {
        var recipients = new SmtpRecipient[mailboxes.Length];
        for (var i = 0; i < recipients.Length; i++)
        {
            var name = "user" + mailboxes[i].Value.ToString(CultureInfo.InvariantCulture);
            recipients[i] = new(new SmtpPath(name, "example.test"), [mailboxes[i]]);
        }

        return new SmtpTransaction(
            "client.example.test", "ESMTP", new SmtpPath("sender", "elsewhere.test"), SmtpBodyKind.SevenBit,
            SmtpUtf8: false, User: null, [.. recipients], 1_000_000);
    }
}
