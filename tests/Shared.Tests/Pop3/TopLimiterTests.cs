using System.Text;
using MailCluster.Shared.Pop3;
using Xunit;

namespace MailCluster.Shared.Tests.Pop3;

/// <summary>TOP (RFC 1939 §7, STANXPOP3-V0007).</summary>
public sealed class TopLimiterTests
{
    private const string Message = "A: 1\r\nB: 2\r\n\r\none\r\n\r\nthree\r\nfour";

    public static TheoryData<string, int, string> Cuts => new()
    {
        { Message, 0, "A: 1\r\nB: 2\r\n\r\n" },
        { Message, 1, "A: 1\r\nB: 2\r\n\r\none\r\n" },
        { Message, 2, "A: 1\r\nB: 2\r\n\r\none\r\n\r\n" },
        { Message, 3, "A: 1\r\nB: 2\r\n\r\none\r\n\r\nthree\r\n" },
        { Message, 4, Message },
        { Message, int.MaxValue, Message },
        { "A: 1\n\none\ntwo\n", 1, "A: 1\n\none\n" },
        { "A: 1\r\n", 5, "A: 1\r\n" },
        { "no line end", 0, "no line end" },
        { "\r\nbody\r\nmore\r\n", 1, "\r\nbody\r\n" },
        { "A: 1\r\n\r\r\nB: 2\r\n\r\nx", 0, "A: 1\r\n\r\r\nB: 2\r\n\r\n" },
        { "A: \r\r\n\r\nx\r\n", 0, "A: \r\r\n\r\n" },
        { "A: 1\r\nB\r\rC\r\n\r\nx", 0, "A: 1\r\nB\r\rC\r\n\r\n" },
        { "", 3, "" },
    };

    [Theory]
    [MemberData(nameof(Cuts))]
    public void Header_blank_line_and_k_lines_are_taken_in_every_split(string message, int lines, string expected)
    {
        var octets = Encoding.ASCII.GetBytes(message);
        for (var first = 0; first <= octets.Length; first++)
        {
            for (var second = first; second <= octets.Length; second++)
            {
                var limiter = new TopLimiter(lines);
                var taken = limiter.Take(octets.AsSpan(0, first));
                taken += taken == first ? limiter.Take(octets.AsSpan(first, second - first)) : 0;
                taken += taken == second ? limiter.Take(octets.AsSpan(second)) : 0;

                Assert.Equal(expected, message[..taken]);
            }
        }
    }

    [Fact]
    public void Nothing_more_is_taken_once_it_is_done()
    {
        var limiter = new TopLimiter(0);
        limiter.Take("A: 1\r\n\r\n"u8);

        Assert.True(limiter.IsDone);
        Assert.Equal(0, limiter.Take("body"u8));
    }

    [Fact]
    public void Without_a_number_everything_is_taken()
    {
        var limiter = new TopLimiter(null);

        Assert.Equal(8, limiter.Take("a\n\nb\nc\nd"u8));
        Assert.False(limiter.IsDone);
    }
}
