namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.5. rset = "RSET" CRLF. Also ends a message of chunks (RFC 3030 §2).</summary>
internal static class Rset
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For(
        "RSET", SmtpStates.Any, SmtpCommandTraits.None, Execute);

    private static void Execute(SmtpContext context)
    {
        context.ResetTransaction();
        context.Reply(SmtpReplies.Ok);
    }
}
