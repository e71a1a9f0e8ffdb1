namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.8. help = "HELP" [ SP String ] CRLF. The verbs of the command table.</summary>
internal static class Help
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "HELP", SmtpStates.Any, SmtpCommandTraits.None, FreeText.Parse, Execute);

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> text) =>
        context.Reply(context.Options.Announcements.Help);
}
