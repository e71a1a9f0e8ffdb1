using System.Diagnostics;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 3207 §4. starttls = "STARTTLS" CRLF, outside of a transaction; everything said before is forgotten (§4.2).
/// </summary>
internal static class StartTls
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For(
        "STARTTLS", SmtpStates.Start | SmtpStates.Greeted, SmtpCommandTraits.None, Execute);

    private static void Execute(SmtpContext context)
    {
        if (context.Tls is not null)
        {
            context.Refuse(SmtpReplies.BadSequence);
            return;
        }

        if (!context.Options.OffersStartTls)
        {
            context.Refuse(SmtpReplies.NotImplemented);
            return;
        }

        context.Reply(SmtpReplies.ReadyForTls);
        context.Ask(SmtpEffect.StartTls.Instance, Started);
    }

    private static void Started(SmtpContext context, SmtpAnswer answer)
    {
        var started = answer as SmtpAnswer.TlsStarted ?? throw new UnreachableException();
        context.StartedTls(new(started.Protocol, started.CipherSuite, started.Binding));
    }
}
