using System.Text;
using MailCluster.Shared.Mime;
using Xunit;

namespace MailCluster.Shared.Tests.Mime;

/// <summary>RFC 5322 §2.2, RFC 5321 §6.3, OXSMTP-EV-05, EV-06, EV-09.</summary>
public sealed class HeaderScannerTests
{
    [Theory]
    [InlineData("", 0, 0, 0)]
    [InlineData("\r\nbody", 2, 0, 0)]
    [InlineData("A: b\r\n\r\nReceived: x\r\n", 8, 0, 0)]
    [InlineData("A: b\r\nC: d", 10, 0, 0)]
    [InlineData("no header\r\n\r\n", 0, 0, 0)]
    [InlineData("A: b\r\nno field\r\n\r\n", 6, 0, 0)]
    [InlineData(" folded first\r\n\r\n", 0, 0, 0)]
    [InlineData("Received: by mx.test;\r\nRECEIVED:by MX.TEST\r\n\r\n", 46, 2, 2)]
    [InlineData("Received: from x by\r\n\tmx.test with y\r\n\r\n", 40, 1, 1)]
    [InlineData("Received: (by mx.test) by other\r\n\r\n", 35, 1, 0)]
    [InlineData("Received: \"x by mx.test\" by other by mx.test\r\n\r\n", 48, 1, 0)]
    [InlineData("Received: from a; by mx.test\r\n\r\n", 32, 1, 0)]
    [InlineData("Received: by mx.test.evil\r\n\r\n", 29, 1, 0)]
    [InlineData("X-Received: by mx.test\r\n\r\n", 26, 0, 0)]
    [InlineData("Received : by mx.test\n\nbody", 23, 1, 1)]
    public void Header_is_measured_and_hops_are_counted(string text, long octets, int received, int local)
    {
        foreach (var step in (int[])[1, 2, 3, 1000])
        {
            var scanner = Scan(text, step);
            Assert.Equal(octets, scanner.HeaderOctets);
            Assert.Equal((received, local), (scanner.ReceivedFields, scanner.LocalReceivedFields));
        }
    }

    [Fact]
    public void Fields_of_a_submission_are_noticed()
    {
        var scanner = Scan("DATE: x\r\nmessage-id: <y>\r\nFrom:\r\n z\r\n\r\n", 5);

        Assert.True(scanner is { HasDate: true, HasMessageId: true, HasFrom: true, IsComplete: true });

        scanner = Scan("Subject: x\r\n\r\nDate: y\r\nFrom: z\r\nMessage-ID: <y>\r\n", 5);
        Assert.True(scanner is { HasDate: false, HasMessageId: false, HasFrom: false, IsComplete: true });
    }

    private static HeaderScanner Scan(string text, int step)
    {
        var scanner = new HeaderScanner(["mx.test"]);
        var octets = Encoding.UTF8.GetBytes(text);
        for (var at = 0; at < octets.Length; at += step)
        {
            scanner.Add(octets.AsSpan(at, Math.Min(step, octets.Length - at)));
        }

        return scanner;
    }
}
