using MailCluster.Shared.Smtp.Grammar;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 5321 §4.1.1.1. ehlo = "EHLO" SP ( Domain / address-literal ) CRLF. Clears an open transaction (§4.1.4).
/// </summary>
internal static class Ehlo
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<ReadOnlySpan<byte>>(
        "EHLO", SmtpStates.Any, SmtpCommandTraits.None, Parse, Execute);

    /// <summary>Also HELO's: the name a client gives itself is taken as loosely as RFC 5321 §4.1.4 asks.</summary>
    public static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out ReadOnlySpan<byte> name)
    {
        name = text.Trim((byte)' ');
        return Domain.IsHeloName(name) ? null : SmtpReplies.BadArguments;
    }

    private static void Execute(SmtpContext context, ReadOnlySpan<byte> name)
    {
        context.Greet(name, isExtended: true);
        context.Reply(context.Options.Announcements.Ehlo(context.Channel));
    }
}
