using System.Text;
using MailCluster.Shared.Wire;
using Xunit;

namespace MailCluster.Shared.Tests.Wire;

/// <summary>RFC 5321 §4.1.1.4, §4.5.2; RFC 1939 §3.</summary>
public sealed class DotStuffingTests
{
    [Theory]
    [InlineData(".\r\nX", "", 3)]
    [InlineData("a\r\n.\r\nX", "a\r\n", 6)]
    [InlineData("..\r\n.\r\n", ".\r\n", 7)]
    [InlineData(".a\r\n.\r\n", "a\r\n", 7)]
    [InlineData(".\r\r\n.\r\n", "\r\r\n", 7)]
    [InlineData("a\n.\nb\r\n", "a\n.\nb\r\n", -1)]
    [InlineData("a\n.\r\nb\r\n", "a\n.\r\nb\r\n", -1)]
    [InlineData("a\r.\rb\r\n", "a\r.\rb\r\n", -1)]
    [InlineData("a\r.\r\nb", "a\r.\r\nb", -1)]
    [InlineData("a\r\n.\nb", "a\r\n\nb", -1)]
    [InlineData("a\r\n.\rb", "a\r\n\rb", -1)]
    [InlineData("a\r\n.", "a\r\n", -1)]
    public void Data_ends_at_its_dot_and_nowhere_else(string text, string expected, int end)
    {
        var octets = Encoding.ASCII.GetBytes(text);
        for (var step = 1; step <= octets.Length; step++)
        {
            var unstuffer = new DotUnstuffer();
            var body = new List<byte>();
            var output = new byte[step + 2];
            var found = -1;
            for (var at = 0; at < octets.Length && found < 0;)
            {
                var piece = octets.AsSpan(at, Math.Min(step, octets.Length - at));
                var isEnd = unstuffer.Decode(piece, output, out var consumed, out var written);
                body.AddRange(output.AsSpan(0, written));
                at += consumed;
                found = isEnd ? at : -1;
            }

            Assert.Equal((expected, end), (Encoding.ASCII.GetString([.. body]), found));
        }
    }

    [Theory]
    [InlineData("", ".\r\n", ".\r\n")]
    [InlineData("a", "a\r\n.\r\n", "a\r\n.\r\n")]
    [InlineData("a\r\n", "a\r\n.\r\n", "a\r\n.\r\n")]
    [InlineData(".", "..\r\n.\r\n", "..\r\n.\r\n")]
    [InlineData("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n", "a\n.\nb\r\n.\r\n")]
    [InlineData("a\r.b\r\n.c\r\n", "a\r.b\r\n..c\r\n.\r\n", "a\r.b\r\n..c\r\n.\r\n")]
    [InlineData("a\r", "a\r\r\n.\r\n", "a\r\r\n.\r\n")]
    [InlineData("\n\n", "\r\n\r\n.\r\n", "\n\n\r\n.\r\n")]
    public void Dots_are_doubled_and_the_end_is_written(string text, string normalized, string exact)
    {
        foreach (var step in (int[])[1, 2, 100])
        {
            Assert.Equal(normalized, Stuff(text, step, normalizes: true));
            Assert.Equal(exact, Stuff(text, step, normalizes: false));
        }
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("a", 3)]
    [InlineData("a\r\n", 3)]
    [InlineData("a\nb\n", 6)]
    [InlineData("a\r\n\n\r\n\r", 10)]
    public void Wire_octets_are_counted_in_every_split(string text, long expected)
    {
        var octets = Encoding.ASCII.GetBytes(text);
        for (var split = 0; split <= octets.Length; split++)
        {
            var counter = new WireOctetCounter();
            counter.Add(octets.AsSpan(0, split));
            counter.Add(octets.AsSpan(split));
            Assert.Equal(expected, counter.Total(finish: true));
        }
    }

    [Fact]
    public void Wire_octets_of_long_random_bodies_are_those_that_are_sent()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var octets = Seeds.Octets(random, "ab\r\n\n"u8, 400);
            var counter = new WireOctetCounter();
            counter.Add(octets);
            var sent = Encoding.Latin1.GetString(octets)
                .Replace("\r\n", "\n", StringComparison.Ordinal)
                .Replace("\n", "\r\n", StringComparison.Ordinal);
            var expected = sent.Length + (sent.Length == 0 || sent.EndsWith('\n') ? 0 : 2);
            Assert.True(expected == counter.Total(finish: true), $"seed {seed}");
        }
    }

    private static string Stuff(string text, int step, bool normalizes)
    {
        var octets = Encoding.ASCII.GetBytes(text);
        var stuffer = new DotStuffer(normalizes);
        var result = new List<byte>();
        var output = new byte[(2 * step) + 5];
        for (var at = 0; at < octets.Length;)
        {
            var piece = octets.AsSpan(at, Math.Min(step, octets.Length - at));
            stuffer.Encode(piece, output, out var consumed, out var written);
            result.AddRange(output.AsSpan(0, written));
            at += consumed;
        }

        result.AddRange(output.AsSpan(0, stuffer.Finish(output)));
        return Encoding.ASCII.GetString([.. result]);
    }
}
