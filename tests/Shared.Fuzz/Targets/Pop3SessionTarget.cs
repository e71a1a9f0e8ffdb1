using System.Buffers;
using System.Text;
using MailCluster.Shared.Pop3;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// A whole session (RFC 1939 §3) brought into one of its states by the first octet, then fed with the rest, at once and
/// octet by octet: the same conversation, every reply well-formed, the effects in an order that the shell can follow,
/// and nothing removed that was not marked (I5).
/// </summary>
public sealed class Pop3SessionTarget : IFuzzTarget
{
    private const string Login = "USER alice\r\nPASS secret\r\n";

    private static readonly string[] Preludes =
    [
        "",
        "USER alice\r\n",
        "AUTH PLAIN\r\n",
        "AUTH LOGIN\r\n",
        "AUTH SCRAM-SHA-256\r\n",
        "AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWNsaWVudC1ub25jZQ==\r\n",
        Login,
        Login + "DELE 2\r\n",
        "USER silent\r\nPASS secret\r\n",
    ];

    private static readonly Dictionary<string, string>[] Settings =
    [
        new() { ["maildrop"] = "7:120/125,9:200/205,11:300" },
        new() { ["maildrop"] = "7:120/125,9:200,11:300", ["tls"] = "active", ["type"] = "SecureLogin", ["gone"] = "9" },
        new() { ["maildrop"] = "7:120", ["tls"] = "offer", ["max-errors"] = "3", ["max-logons"] = "1", ["exact"] = "" },
        new() { ["tls"] = "offer", ["type"] = "PlainTextAuthentication", ["max-command"] = "40" },
        new() { ["maildrop"] = "7:120,9:200", ["max-command"] = "40", ["update"] = "failed" },
    ];

    public static string Name => "pop3-session";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var selector = input.IsEmpty ? 0 : input[0];
        var prelude = Encoding.ASCII.GetBytes(Preludes[selector % Preludes.Length]);
        var settings = Settings[selector / Preludes.Length % Settings.Length];
        byte[] octets = [.. prelude, .. input.IsEmpty ? [] : input[1..]];
        var whole = Play(new ReadOnlySequence<byte>(octets), settings);
        if (whole.Contains("E: StartTls", StringComparison.Ordinal))
        {
            // What was pipelined behind STLS is dropped, so how much came with it is part of the input (RFC 2595 §4).
            return;
        }

        Check.That(
            whole == Play(SegmentSplitter.BytePerSegment(octets), settings), "every split gives the same session");
    }

    private static string Play(in ReadOnlySequence<byte> octets, Dictionary<string, string> settings)
    {
        var hasEnded = false;
        var peer = new Pop3TranscriptPeer
        {
            Inspect = effects =>
            {
                Check.That(!hasEnded || effects.Count == 0, "nothing follows the end");
                hasEnded |= effects is [.., Pop3Effect.End];
                Inspect(effects);
            },
        };
        peer.Start(settings);
        peer.Feed(octets);
        Check.That(hasEnded == (peer.Session.Expects == Pop3Expects.Nothing), "the end is said");
        return string.Join('\n', peer.TakeOutput());
    }

    private static void Inspect(IReadOnlyList<Pop3Effect> effects)
    {
        for (var i = 0; i < effects.Count; i++)
        {
            switch (effects[i])
            {
                case Pop3Effect.Reply reply:
                    Inspect(reply.Value);
                    break;
                case Pop3Effect.Update update:
                    Check.That(i == effects.Count - 1 && update.Numbers.Length > 0, "an update removes something");
                    Check.That(update.Numbers.Distinct().Count() == update.Numbers.Length, "and each message once");
                    break;
                default:
                    Check.That(i == effects.Count - 1, "a question or the end is the last effect of its step");
                    break;
            }
        }
    }

    /// <summary>RFC 1939 §3, STANXPOP3-C0001, RFC 5034 §4.</summary>
    private static void Inspect(Pop3Reply reply)
    {
        var text = reply.ToString();
        Check.That(text.EndsWith("\r\n", StringComparison.Ordinal), "a reply is complete");
        Check.That(
            text.StartsWith("+OK", StringComparison.Ordinal) || text.StartsWith("-ERR ", StringComparison.Ordinal)
            || text.StartsWith("+ ", StringComparison.Ordinal),
            "a reply has a status indicator");
        foreach (var line in text[..^2].Split("\r\n"))
        {
            Check.That(text.StartsWith("+ ", StringComparison.Ordinal) || line.Length <= 510, "a line is short");
            Check.That(!line.AsSpan().ContainsAnyInRange('\0', '\x1F'), "a line has no control characters");
        }
    }
}
