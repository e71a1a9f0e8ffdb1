using System.Buffers;
using System.Text;

namespace MailCluster.Testing;

/// <summary>How the octets of a transcript reach the peer.</summary>
public enum TranscriptPlay
{
    /// <summary>One line at a time, each in one segment.</summary>
    Lines,

    /// <summary>One line at a time, every octet in a segment of its own.</summary>
    BytePerSegment,

    /// <summary>One octet at a time.</summary>
    Dribble,

    /// <summary>Everything at once: the output must be the same, in the same order (RFC 2920 §3.2).</summary>
    Pipelined,
}

/// <summary>
/// Plays a transcript and writes it down again with what the peer said. Lines: "# " comment, "options: key=value …",
/// "C: " from the client (CRLF is added), "R: " raw octets with escapes, "!: " an event, "S: " a reply line, "E: " an
/// effect.
/// </summary>
public static class TranscriptRunner
{
    public static bool CanBePipelined(string transcript) =>
        !transcript.Contains("\n!: ", StringComparison.Ordinal)
        && !transcript.Contains("\nC: STARTTLS", StringComparison.OrdinalIgnoreCase)
        && !transcript.Contains("\nC: STLS", StringComparison.OrdinalIgnoreCase);

    /// <returns>
    /// The transcript as it really went; for <see cref="TranscriptPlay.Pipelined"/> only its output lines (see <see
    /// cref="Outputs"/>).
    /// </returns>
    public static string Play(string transcript, ITranscriptPeer peer, TranscriptPlay play)
    {
        var lines = transcript.TrimEnd('\n').Split('\n');
        var result = new List<string>();
        var feed = new Feeder(peer, play);
        var inputs = new List<byte>();
        var isStarted = false;
        foreach (var line in lines)
        {
            if (IsOutput(line))
            {
                continue;
            }

            if (!isStarted && line.StartsWith('#'))
            {
                result.Add(line);
                continue;
            }

            if (!isStarted)
            {
                isStarted = true;
                var isOptions = line.StartsWith("options:", StringComparison.Ordinal);
                peer.Start(isOptions ? Settings(line) : new Dictionary<string, string>());
                if (isOptions)
                {
                    result.Add(line);
                    result.AddRange(peer.TakeOutput());
                    continue;
                }

                result.AddRange(peer.TakeOutput());
            }

            result.Add(line);
            if (Octets(line) is { } octets)
            {
                if (play == TranscriptPlay.Pipelined)
                {
                    inputs.AddRange(octets);
                    continue;
                }

                feed.Add(octets);
            }
            else if (line.StartsWith("!: ", StringComparison.Ordinal))
            {
                peer.Happen(line[3..]);
            }

            result.AddRange(peer.TakeOutput());
        }

        feed.Add([.. inputs]);
        result.AddRange(peer.TakeOutput());
        var text = string.Join('\n', result) + "\n";
        return play == TranscriptPlay.Pipelined ? Outputs(text) : text;
    }

    /// <summary>Only what the peer said.</summary>
    public static string Outputs(string transcript) =>
        string.Join('\n', transcript.Split('\n').Where(IsOutput)) + "\n";

    private static bool IsOutput(string line) =>
        line.StartsWith("S:", StringComparison.Ordinal) || line.StartsWith("E:", StringComparison.Ordinal);

    private static byte[]? Octets(string line)
    {
        if (line.StartsWith("C:", StringComparison.Ordinal))
        {
            return Encoding.UTF8.GetBytes((line.Length > 3 ? line[3..] : string.Empty) + "\r\n");
        }

        return line.StartsWith("R: ", StringComparison.Ordinal) ? OctetText.Parse(line[3..]) : null;
    }

    private static Dictionary<string, string> Settings(string line) =>
        line["options:".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(x => x.Split('=', 2))
            .ToDictionary(x => x[0], x => x.Length > 1 ? x[1] : string.Empty);

    /// <summary>Keeps what the peer has left, as a pipe would.</summary>
    private sealed class Feeder(ITranscriptPeer peer, TranscriptPlay play)
    {
        private byte[] _left = [];

        public void Add(byte[] octets)
        {
            if (play != TranscriptPlay.Dribble)
            {
                Give(octets);
                return;
            }

            foreach (var octet in octets)
            {
                Give([octet]);
            }
        }

        private void Give(byte[] octets)
        {
            _left = [.. _left, .. octets];
            var sequence = play == TranscriptPlay.BytePerSegment
                ? SegmentSplitter.BytePerSegment(_left)
                : new ReadOnlySequence<byte>(_left);
            var consumed = peer.Feed(sequence);
            _left = sequence.Slice(consumed).ToArray();
        }
    }
}
