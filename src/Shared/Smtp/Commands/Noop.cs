namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.9. noop = "NOOP" [ SP String ] CRLF; the string is ignored.</summary>
internal static class Noop
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "NOOP", SmtpStates.Any, SmtpCommandTraits.None, FreeText.Parse, Execute);

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> text) => context.Reply(SmtpReplies.Ok);
}
