namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.6. vrfy = "VRFY" SP String CRLF. Tells nothing about users: 252 (§3.5.3, §7.3).</summary>
internal static class Vrfy
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "VRFY", SmtpStates.Any, SmtpCommandTraits.None, FreeText.ParseRequired, Execute);

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> text) => context.Reply(SmtpReplies.NotVerified);
}
