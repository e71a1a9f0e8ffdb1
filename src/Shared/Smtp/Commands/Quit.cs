namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.10. quit = "QUIT" CRLF. Aborts an open transaction.</summary>
internal static class Quit
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For(
        "QUIT", SmtpStates.Any | SmtpStates.Refused, SmtpCommandTraits.None, Execute);

    private static void Execute(SmtpContext context) => context.End(SmtpReplies.Bye, ConnectionEndReason.Quit);
}
