using System.Buffers;
using System.Text;
using MailCluster.Shared.Wire;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Wire;

/// <summary>PROXY protocol §2.1 (text) and §2.2 (binary).</summary>
public sealed class ProxyHeaderTests
{
    private const string Start = @"\r\n\r\n\x00\r\nQUIT\n";

    [Theory]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n", "192.0.2.1:56324", "198.51.100.1:25")]
    [InlineData(@"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", "[2001:db8::1]:1", "[2001:db8::2]:65535")]
    [InlineData(@"PROXY UNKNOWN\r\n", null, null)]
    [InlineData(@"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", null, null)]
    [InlineData(
        Start + @"\x21\x11\x00\x0C\xC0\x00\x02\x01\xC6\x33\x64\x01\xDC\x04\x00\x19",
        "192.0.2.1:56324", "198.51.100.1:25")]
    [InlineData(
        Start + @"\x21\x11\x00\x10\xC0\x00\x02\x01\xC6\x33\x64\x01\xDC\x04\x00\x19\x04\x00\x01\x00",
        "192.0.2.1:56324", "198.51.100.1:25")]
    [InlineData(Start + @"\x20\x00\x00\x00", null, null)]
    [InlineData(Start + @"\x21\x00\x00\x00", null, null)]
    public void Header_is_read_and_every_prefix_needs_more(string text, string? source, string? destination)
    {
        var octets = OctetText.Parse(text);
        byte[] all = [.. octets, .. "EHLO"u8];
        var buffer = SegmentSplitter.BytePerSegment(all);

        Assert.Equal(ProxyHeaderStatus.Complete, ProxyHeader.TryParse(buffer, out var header, out var consumed));
        Assert.Equal((source, destination), (header!.Source?.ToString(), header.Destination?.ToString()));
        Assert.Equal("EHLO", Encoding.ASCII.GetString(buffer.Slice(consumed)));
        for (var length = 0; length < octets.Length; length++)
        {
            var less = new ReadOnlySequence<byte>(octets, 0, length);
            Assert.Equal(ProxyHeaderStatus.NeedMore, ProxyHeader.TryParse(less, out _, out _));
        }
    }

    [Theory]
    [InlineData(@"EHLO x\r\n")]
    [InlineData(@"PROXY\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25 6\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1  198.51.100.1 56324 25\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.01 198.51.100.1 56324 25\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 065 25\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n")]
    [InlineData(@"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n")]
    [InlineData(@"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n")]
    [InlineData(@"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n")]
    [InlineData(@"PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\n")]
    [InlineData(Start + @"\x11\x11\x00\x0C")]
    [InlineData(Start + @"\x21\x11\x00\x04\xC0\x00\x02\x01")]
    [InlineData(Start + @"\x21\x11\xFF\xFF")]
    public void What_is_no_header_is_refused(string text)
    {
        var buffer = new ReadOnlySequence<byte>(OctetText.Parse(text));

        Assert.Equal(ProxyHeaderStatus.Invalid, ProxyHeader.TryParse(buffer, out var header, out _));
        Assert.Null(header);
    }

    [Fact]
    public void A_text_header_has_at_most_107_octets()
    {
        var line = "PROXY UNKNOWN ".PadRight(105, 'x');

        Assert.Equal(ProxyHeaderStatus.Complete, Parse(line + "\r\n"));
        Assert.Equal(ProxyHeaderStatus.Invalid, Parse(line + "x\r\n"));
    }

    private static ProxyHeaderStatus Parse(string text) =>
        ProxyHeader.TryParse(new ReadOnlySequence<byte>(Encoding.ASCII.GetBytes(text)), out _, out _);
}
