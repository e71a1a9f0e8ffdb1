using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// RFC 5321 §4.5.2: what was stuffed comes out as it was; the end is found at the same octet in every split; the
/// counter
/// says what the stuffer sends.
/// </summary>
public sealed class DotStuffingTarget : IFuzzTarget
{
    public static string Name => "dot-stuffing";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        RoundTrip(input);
        var whole = Decode(input, input.Length, out var wholeEnd);
        var single = Decode(input, 1, out var singleEnd);
        Check.That(wholeEnd == singleEnd && whole.SequenceEqual(single), "every split decodes alike");
        var at = input.IndexOf("\r\n.\r\n"u8);
        var end = input.StartsWith(".\r\n"u8) ? 3 : at < 0 ? -1 : at + 5;
        Check.That(wholeEnd == end, "data ends at CRLF.CRLF and nowhere else");
    }

    public static byte[] Stuff(ReadOnlySpan<byte> input, bool normalizes, int outputOctets)
    {
        var stuffer = new DotStuffer(normalizes);
        var result = new List<byte>();
        var output = new byte[outputOctets];
        while (!input.IsEmpty)
        {
            stuffer.Encode(input, output, out var consumed, out var written);
            Check.That(consumed > 0, "the stuffer goes on");
            result.AddRange(output.AsSpan(0, written));
            input = input[consumed..];
        }

        output = new byte[5];
        result.AddRange(output.AsSpan(0, stuffer.Finish(output)));
        return [.. result];
    }

    private static void RoundTrip(ReadOnlySpan<byte> input)
    {
        var exact = Stuff(input, normalizes: false, (2 * input.Length) + 2);
        Check.That(exact.AsSpan().SequenceEqual(Stuff(input, normalizes: false, 3)), "a small output gives the same");
        var decoded = Decode(exact, exact.Length, out var end);
        Check.That(end == exact.Length, "the end is where the stuffer put it");
        Check.That(decoded.AsSpan().StartsWith(input), "the octets come out as they went in");

        var wire = Stuff(input, normalizes: true, (2 * input.Length) + 2);
        Check.That(wire.AsSpan().SequenceEqual(Stuff(input, normalizes: true, 2)), "a small output gives the same");
        var counter = new WireOctetCounter();
        counter.Add(input[..(input.Length / 2)]);
        counter.Add(input[(input.Length / 2)..]);
        var sent = Decode(wire, wire.Length, out _).Length;
        Check.That(counter.Total(finish: true) == sent, "the counter counts what is sent");
    }

    private static byte[] Decode(ReadOnlySpan<byte> input, int step, out int end)
    {
        var unstuffer = new DotUnstuffer();
        var result = new List<byte>();
        var output = new byte[Math.Max(step, 1) + 2];
        for (var at = 0; at < input.Length;)
        {
            var piece = input.Slice(at, Math.Min(step, input.Length - at));
            var isEnd = unstuffer.Decode(piece, output, out var consumed, out var written);
            result.AddRange(output.AsSpan(0, written));
            at += consumed;
            if (isEnd)
            {
                end = at;
                return [.. result];
            }

            Check.That(consumed == piece.Length, "all input is taken before the end");
        }

        end = -1;
        return [.. result];
    }
}
