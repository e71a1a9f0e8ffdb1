namespace MailCluster.Shared.Smtp;

/// <summary>String (RFC 5321 §4.1.2) where its content does not matter: anything but control characters.</summary>
internal static class FreeText
{
    public static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out ReadOnlySpan<byte> content)
    {
        content = text;
        return text.IndexOfAnyInRange((byte)0, (byte)0x1F) >= 0 ? SmtpReplies.BadArguments : null;
    }

    public static SmtpEffect.Reply? ParseRequired(
        SmtpContext context, ReadOnlySpan<byte> text, out ReadOnlySpan<byte> content) =>
        text.IsEmpty ? Parse(context, "\0"u8, out content) : Parse(context, text, out content);
}
