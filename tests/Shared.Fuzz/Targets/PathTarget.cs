using System.Text;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// RFC 5321 §4.1.2: a path that was read, written and read again is the same path, and has nothing that could break a
/// header.
/// </summary>
public sealed class PathTarget : IFuzzTarget
{
    public static string Name => "path";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        Try(input, isForward: true);
        Try(input, isForward: false);
    }

    private static void Try(ReadOnlySpan<byte> input, bool isForward)
    {
        if (!TryParse(input, isForward, out var path))
        {
            return;
        }

        var written = TraceHeaders.AddressOf(path);
        Check.That(!written.AsSpan().ContainsAnyInRange('\0', '\x1F'), "no control characters");
        Check.That(Encoding.UTF8.GetByteCount(path.LocalPart) <= MailPath.LocalPartOctetsMax, "the local-part fits");
        Check.That(
            TryParse(Encoding.UTF8.GetBytes("<" + written + ">"), isForward, out var again) && again == path,
            "written and read again it is the same");
    }

    private static bool TryParse(ReadOnlySpan<byte> text, bool isForward, out SmtpPath path)
    {
        var cursor = new AsciiCursor(text);
        return isForward
            ? MailPath.TryParseForward(ref cursor, out path)
            : MailPath.TryParseReverse(ref cursor, out path);
    }
}
