namespace MailCluster.Shared.Smtp.Commands;

/// <summary>RFC 5321 §4.1.1.1. helo = "HELO" SP Domain CRLF. No extension is in force after it.</summary>
internal static class Helo
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "HELO", SmtpStates.Any, SmtpCommandTraits.None, Ehlo.Parse, Execute);

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> name)
    {
        context.Greet(name, isExtended: false);
        context.Reply(context.Options.Announcements.Helo);
    }
}
