using System.Text;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>RFC 5321 §4.1.2, §4.1.3, §4.5.3.1; RFC 6531 §3.3.</summary>
public sealed class MailPathTests
{
    private static readonly string Label = new('d', 63);
    private static readonly string Longest = Label + "." + Label + "." + Label[..61];
    private static readonly string LocalPart = new('a', 64);

    public static TheoryData<string, string, string?> Valid => new()
    {
        { "<a@b>", "a", "b" },
        { "<a.b+c@d-e.f_g>", "a.b+c", "d-e.f_g" },
        { "<!#$%&'*+-/=?^_`{|}~@x.test>", "!#$%&'*+-/=?^_`{|}~", "x.test" },
        { "<\"a b\"@x>", "a b", "x" },
        { "<\"a\\\"\\\\\"@x>", "a\"\\", "x" },
        { "<\"a@b\"@x>", "a@b", "x" },
        { "<@r:a@b>", "a", "b" },
        { "<@r.test,@[192.0.2.1]:a@b>", "a", "b" },
        { "<a@[192.0.2.1]>", "a", "[192.0.2.1]" },
        { "<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]" },
        { "<a@[ipv6:::ffff:192.0.2.1]>", "a", "[ipv6:::ffff:192.0.2.1]" },
        { "<jörg@exämple.test>", "jörg", "exämple.test" },
        { "<POSTMASTER>", "POSTMASTER", null },
        { "<" + new string('a', 64) + "@b>", new string('a', 64), "b" },
        { "<a@" + Label + ">", "a", Label },
        { "<" + LocalPart + "@" + Longest + ">", LocalPart, Longest },
    };

    public static TheoryData<string> Invalid =>
    [
        "", "<", ">", "<>", "<a>", "<a@>", "<@b>", "a@b", "<a@b", "<a b@c>", "<.a@b>", "<a.@b>", "<a..b@c>", "<a@.b>",
        "<a@b.>",
        "<a@b..c>", "<a@-b>", "<a@b->", "<a@b c>", "<\"\"@b>", "<\"a@b>", "<\"a\"b@c>", "<\"a\\\"@b>",
        "<a@[192.0.2.256]>",
        "<a@[192.0.2]>", "<a@[01.2.3.4]>", "<a@[2001:db8::1]>", "<a@[IPv6:2001:db8:::1]>", "<a@[IPv6:fe80::1%1]>",
        "<a@[x]>",
        "<a@[",
        "<@r a@b>", "<@r,:a@b>", "<@:a@b>", "<a\tb@c>", "<\"a\rb\"@c>", "<\"a\\\rb\"@c>", "<a\u0085@b>", "<a@\u0085>",
        "<" + new string('a', 65) + "@b>", "<\"" + new string('a', 65) + "\"@b>", "<a@" + Label + "d>",
        "<" + new string('a', 64) + "@" + string.Join('.', Label, Label, new string('d', 62)) + ">",
    ];

    [Theory]
    [MemberData(nameof(Valid))]
    public void Path_is_taken(string text, string local, string? domain)
    {
        var cursor = new AsciiCursor(Encoding.UTF8.GetBytes(text + " SIZE=1"));

        Assert.True(MailPath.TryParseForward(ref cursor, out var path));
        Assert.Equal(new SmtpPath(local, domain), path);
        Assert.Equal(" SIZE=1"u8.ToArray(), cursor.Rest.ToArray());
    }

    [Theory]
    [MemberData(nameof(Invalid))]
    public void What_is_no_path_is_refused(string text)
    {
        var cursor = new AsciiCursor(Encoding.UTF8.GetBytes(text));

        Assert.False(MailPath.TryParseForward(ref cursor, out _));
    }

    [Fact]
    public void Malformed_utf8_is_refused()
    {
        byte[][] texts =
        [
            [.. "<"u8, 0xFF, .. "@b>"u8],
            [.. "<a@b"u8, 0xC3, .. ">"u8],
            [.. "<"u8, 0xC0, 0xAF, .. "@b>"u8],
        ];
        foreach (var text in texts)
        {
            var cursor = new AsciiCursor(text);
            Assert.False(MailPath.TryParseForward(ref cursor, out _));
        }
    }

    [Fact]
    public void The_null_path_is_a_reverse_path_only()
    {
        var cursor = new AsciiCursor("<>"u8);
        Assert.True(MailPath.TryParseReverse(ref cursor, out var path));
        Assert.True(path.IsNull);

        cursor = new AsciiCursor("<>"u8);
        Assert.False(MailPath.TryParseForward(ref cursor, out _));
    }

    [Fact]
    public void Postmaster_without_domain_is_a_forward_path_only()
    {
        var cursor = new AsciiCursor("<postmaster>"u8);

        Assert.False(MailPath.TryParseReverse(ref cursor, out _));
    }

    [Theory]
    [InlineData("x", true)]
    [InlineData("my_pc", true)]
    [InlineData("[192.0.2.1]", true)]
    [InlineData("[anything-printable]", true)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a(b", false)]
    [InlineData("[]", false)]
    [InlineData("[a b]", false)]
    [InlineData("[a", false)]
    public void Helo_name_is_taken_loosely(string text, bool isValid) =>
        Assert.Equal(isValid, Domain.IsHeloName(Encoding.UTF8.GetBytes(text)));
}
