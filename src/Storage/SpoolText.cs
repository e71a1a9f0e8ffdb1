using MailCluster.Shared.Smtp;

namespace MailCluster.Storage;

/// <summary>How values of a spooled message are written in its row, in both engines.</summary>
internal static class SpoolText
{
    /// <summary>The end of time stands for "never": it is behind every date in the index.</summary>
    public static readonly long Never = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    public static long Due(DateTimeOffset? nextAttempt) => nextAttempt?.ToUnixTimeMilliseconds() ?? Never;

    /// <summary>As RFC 6152 §2 and RFC 3030 §3 write it.</summary>
    public static string BodyType(SmtpBodyKind body) => body switch
    {
        SmtpBodyKind.EightBitMime => "8BITMIME",
        SmtpBodyKind.BinaryMime => "BINARYMIME",
        _ => "7BIT",
    };

    public static SmtpBodyKind BodyKind(string text) => text switch
    {
        "8BITMIME" => SmtpBodyKind.EightBitMime,
        "BINARYMIME" => SmtpBodyKind.BinaryMime,
        _ => SmtpBodyKind.SevenBit,
    };
}
