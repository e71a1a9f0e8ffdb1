namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.7. expn = "EXPN" SP String CRLF. Tells nothing about lists: 252 (§3.5.3, §7.3).</summary>
internal static class Expn
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "EXPN", SmtpStates.Any, SmtpCommandTraits.None, FreeText.ParseRequired, Execute);

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> text) => context.Reply(SmtpReplies.NotExpanded);
}
