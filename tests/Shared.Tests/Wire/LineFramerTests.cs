using System.Buffers;
using System.Text;
using MailCluster.Shared.Wire;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Wire;

/// <summary>RFC 5321 §2.3.8, §4.5.3.1.9.</summary>
public sealed class LineFramerTests
{
    [Fact]
    public void Every_prefix_of_a_line_needs_more()
    {
        var line = "MAIL FROM:<a@b>\r\n"u8.ToArray();
        for (var length = 0; length < line.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(line, 0, length);
            Assert.False(new LineFramer().TryRead(buffer, 512, out _, out var consumed, out _));
            Assert.Equal(buffer.Start, consumed);
        }
    }

    [Theory]
    [InlineData("a\r\n", "a")]
    [InlineData("\r\n", "")]
    [InlineData("a\rb\r\n", "a\rb")]
    [InlineData("\r\r\n", "\r")]
    [InlineData("a\n", "!BareLineFeed")]
    [InlineData("\n", "!BareLineFeed")]
    [InlineData("a\n\r\nb\r\n", "!BareLineFeed||b")]
    [InlineData("12345678\r\n", "12345678")]
    [InlineData("123456789\r\n", "!TooLong")]
    [InlineData("12345678901234567890\r\nb\r\n", "!TooLong|b")]
    [InlineData("12345678901234567890\nb\r\n", "!TooLong|b")]
    [InlineData("123456789\n", "!BareLineFeed")]
    public void Lines_are_cut_in_every_split_alike(string text, string expected)
    {
        var octets = Encoding.ASCII.GetBytes(text);

        Assert.Equal(expected, Frame(new ReadOnlySequence<byte>(octets), 10));
        Assert.Equal(expected, Frame(SegmentSplitter.BytePerSegment(octets), 10));
        Assert.Equal(expected, Dribble(octets, 10));
    }

    [Fact]
    public void A_line_without_end_is_consumed_piece_by_piece()
    {
        var framer = new LineFramer();
        var piece = new ReadOnlySequence<byte>(new byte[4096]);
        for (var i = 0; i < 100; i++)
        {
            Assert.False(framer.TryRead(piece, 512, out _, out var consumed, out _));
            Assert.Equal(piece.End, consumed);
        }

        var end = new ReadOnlySequence<byte>("x\r\nNOOP\r\n"u8.ToArray());
        Assert.True(framer.TryRead(end, 512, out _, out var behind, out var fault));
        Assert.Equal(LineFault.TooLong, fault);
        Assert.True(framer.TryRead(end.Slice(behind), 512, out var line, out _, out fault));
        Assert.Equal(LineFault.None, fault);
        Assert.Equal("NOOP"u8.ToArray(), line.ToArray());
    }

    [Fact]
    public void Random_octets_are_cut_alike_in_random_splits()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var round = 0; round < 500; round++)
        {
            var octets = Seeds.Octets(random, "ab\r\n\n\r\n"u8, 80);
            var max = random.Next(2, 30);
            var expected = Frame(new ReadOnlySequence<byte>(octets), max);
            Assert.True(expected == Frame(SegmentSplitter.SplitAtRandom(octets, random, 5), max), $"seed {seed}");
            Assert.True(expected == Dribble(octets, max), $"seed {seed}");
        }
    }

    private static string Frame(ReadOnlySequence<byte> buffer, int max)
    {
        var framer = new LineFramer();
        var lines = new List<string>();
        while (true)
        {
            var isRead = framer.TryRead(buffer, max, out var line, out var consumed, out var fault);
            buffer = buffer.Slice(consumed);
            if (!isRead)
            {
                return string.Join('|', lines);
            }

            lines.Add(fault == LineFault.None ? Encoding.ASCII.GetString(line) : "!" + fault);
        }
    }

    private static string Dribble(byte[] octets, int max)
    {
        var framer = new LineFramer();
        var lines = new List<string>();
        byte[] left = [];
        foreach (var octet in octets)
        {
            left = [.. left, octet];
            Assert.True(left.Length <= max, "The buffer grows beyond the limit.");
            var buffer = new ReadOnlySequence<byte>(left);
            if (framer.TryRead(buffer, max, out var line, out var consumed, out var fault))
            {
                lines.Add(fault == LineFault.None ? Encoding.ASCII.GetString(line) : "!" + fault);
            }

            left = buffer.Slice(consumed).ToArray();
        }

        return string.Join('|', lines);
    }
}
