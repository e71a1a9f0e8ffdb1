using System.Buffers;
using MailCluster.Shared.Smtp;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// A whole session (RFC 5321 §4.1.4) brought into one of its states by the first octet, then fed with the rest, at once
/// and
/// octet by octet: the same conversation, every reply well-formed, the effects in an order that the shell can follow.
/// </summary>
public sealed class SmtpSessionTarget : IFuzzTarget
{
    private static readonly string[] Preludes =
    [
        "",
        "EHLO c\r\n",
        "HELO c\r\n",
        "EHLO c\r\nMAIL FROM:<a@b.test> SMTPUTF8\r\n",
        "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\n",
        "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n",
        "EHLO c\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<alice@example.test>\r\nBDAT 1\r\nx",
        "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<unknown@example.test>\r\nBDAT 2000\r\n",
        "EHLO c\r\nAUTH PLAIN\r\n",
        "EHLO c\r\nAUTH LOGIN\r\n",
        "EHLO c\r\nAUTH NTLM dHlwZSAx\r\n",
    ];

    private static readonly Dictionary<string, string>[] Settings =
    [
        new()
        {
            ["auth"] = "PLAIN,LOGIN,NTLM", ["plaintext"] = "allowed", ["max-message"] = "1000", ["max-errors"] = "50",
        },
        new() { ["auth"] = "PLAIN,LOGIN,NTLM", ["tls"] = "offer", ["max-recipients"] = "2" },
        new()
        {
            ["auth"] = "PLAIN,LOGIN,NTLM", ["tls"] = "active", ["role"] = "submission", ["verdict"] = "Unavailable",
        },
        new() { ["auth"] = "PLAIN", ["rate"] = "2", ["tarpit"] = "5", ["auth-tarpit"] = "7", ["owing"] = "" },
        new() { ["greeting"] = "AddressNotAllowed" },
        new() { ["greeting"] = "OutOfResources", ["auth"] = "NTLM" },
    ];

    public static string Name => "smtp-session";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var selector = input.IsEmpty ? 0 : input[0];
        var prelude = System.Text.Encoding.ASCII.GetBytes(Preludes[selector % Preludes.Length]);
        var settings = Settings[selector / Preludes.Length % Settings.Length];
        byte[] octets = [.. prelude, .. input.IsEmpty ? [] : input[1..]];
        var whole = Play(octets, settings, out var isTls);
        if (isTls)
        {
            // What was pipelined behind STARTTLS is dropped: how much came with it is input too (RFC 3207 §4.2).
            return;
        }

        var split = Play(SegmentSplitter.BytePerSegment(octets), settings);
        Check.That(whole == split, "every split gives the same session");
    }

    private static string Play(byte[] octets, Dictionary<string, string> settings, out bool isTls)
    {
        var output = Play(new ReadOnlySequence<byte>(octets), settings);
        isTls = output.Contains("E: StartTls", StringComparison.Ordinal);
        return output;
    }

    private static string Play(in ReadOnlySequence<byte> octets, Dictionary<string, string> settings)
    {
        var hasEnded = false;
        var peer = new SmtpTranscriptPeer
        {
            Inspect = effects =>
            {
                Check.That(!hasEnded, "nothing follows the end");
                hasEnded = effects is [.., SmtpEffect.End];
                Inspect(effects);
            },
        };
        peer.Start(settings);
        peer.Feed(octets);
        Check.That(hasEnded == (peer.Session.Expects == SmtpExpects.Nothing), "the end is said");
        return string.Join('\n', peer.TakeOutput());
    }

    private static void Inspect(IReadOnlyList<SmtpEffect> effects)
    {
        for (var i = 0; i < effects.Count; i++)
        {
            if (effects[i] is SmtpEffect.Reply reply)
            {
                Inspect(reply.Value);
            }
            else if (effects[i] is SmtpEffect.Hold)
            {
                Check.That(i + 1 < effects.Count && effects[i + 1] is SmtpEffect.Reply, "what is held is a reply");
            }
            else if (effects[i] is not SmtpEffect.DiscardBody)
            {
                Check.That(i == effects.Count - 1, "a question or the end is the last effect of its step");
            }
        }
    }

    /// <summary>RFC 5321 §4.2, §4.5.3.1.5; RFC 2034 §4: the class of the enhanced code is the first digit.</summary>
    private static void Inspect(SmtpReply reply)
    {
        var text = reply.ToString();
        Check.That(reply.Code is >= 200 and <= 599, "a code has three digits");
        Check.That(text.EndsWith("\r\n", StringComparison.Ordinal), "a reply is complete");
        Check.That(reply.Enhanced is null || reply.Enhanced[0] - '0' == reply.Code / 100, "classes agree");
        Check.That(reply.Code < 400 || reply.Enhanced is not null, "an error has an enhanced code");
        foreach (var line in text[..^2].Split("\r\n"))
        {
            Check.That(line.Length is > 3 and <= 510 && line[3] is ' ' or '-', "a line has its form");
            Check.That(!line.AsSpan().ContainsAnyInRange('\0', '\x1F'), "a line has no control characters");
        }
    }
}
