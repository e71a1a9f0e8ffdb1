using System.Buffers;
using System.Text;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>RFC 5321 §4.4, RFC 3848, RFC 6532, RFC 6409 §8.</summary>
public sealed class TraceHeadersTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 5, 2, 3, 4, TimeSpan.FromHours(-3.5));

    [Fact]
    public void One_recipient_is_named()
    {
        var tls = new SmtpTls("TLSv1.3", "TLS_AES_256_GCM_SHA384");
        var text = Write(Transaction("ESMTPS", "bob", "a"), new("mx.test", "192.0.2.1", "7F", tls, Now));

        Assert.Equal(
            "Return-Path: <bob@example.test>\r\n" +
            "Received: from client.test ([192.0.2.1]) by mx.test (MailCluster) with ESMTPS\r\n" +
            "\t(TLSv1.3 TLS_AES_256_GCM_SHA384) id 7F for <a@example.test>;\r\n" +
            "\tMon, 5 Jan 2026 02:03:04 -0330\r\n",
            text);
    }

    [Fact]
    public void Of_several_recipients_none_is_named()
    {
        var text = Write(Transaction("ESMTP", "", "a", "b"), new("mx.test", "2001:db8::1", "7F", null, Now));

        Assert.StartsWith("Return-Path: <>\r\n", text, StringComparison.Ordinal);
        Assert.Contains("from client.test ([IPv6:2001:db8::1]) by mx.test", text, StringComparison.Ordinal);
        Assert.DoesNotContain("for <", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a b", "\"a b\"@example.test")]
    [InlineData("a\"\\", "\"a\\\"\\\\\"@example.test")]
    [InlineData("a..b", "\"a..b\"@example.test")]
    [InlineData("jörg", "jörg@example.test")]
    public void Local_part_is_quoted_where_it_must_be(string local, string expected)
    {
        var text = Write(Transaction("UTF8SMTP", local, "a", "b"), new("mx.test", "192.0.2.1", "7F", null, Now));

        Assert.Contains($"<{expected}>", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Lines_are_folded_where_they_can_be()
    {
        var name = new string('n', 40);
        var transaction = Transaction("ESMTPSA", "bob", new string('r', 60)) with { Helo = name + ".test" };
        const string address = "2001:db8:1111:2222:3333:4444:5555:6666";
        var text = Write(transaction, new(name + ".example.test", address, name, new("TLSv1.3", name), Now));

        Assert.All(text[..^2].Split("\r\n"), x => Assert.InRange(x.Length, 1, 82));
        Assert.All(text[..^2].Split("\r\n").Skip(2), x => Assert.StartsWith("\t", x, StringComparison.Ordinal));
    }

    [Fact]
    public void Submission_lines_are_written()
    {
        var output = new ArrayBufferWriter<byte>();
        TraceHeaders.WriteDate(output, Now);
        TraceHeaders.WriteMessageId(output, "x1", "mx.test");

        Assert.Equal(
            "Date: Mon, 5 Jan 2026 02:03:04 -0330\r\nMessage-ID: <x1@mx.test>\r\n",
            Encoding.UTF8.GetString(output.WrittenSpan));
    }

    private static string Write(SmtpTransaction transaction, TraceFacts facts)
    {
        var output = new ArrayBufferWriter<byte>();
        TraceHeaders.Write(output, transaction, facts);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static SmtpTransaction Transaction(string protocol, string from, params string[] recipients) => new(
        "client.test",
        protocol,
        from.Length == 0 ? SmtpPath.Null : new(from, "example.test"),
        SmtpBodyKind.SevenBit,
        SmtpUtf8: false,
        User: null,
        [.. recipients.Select(x => new SmtpRecipient(new(x, "example.test"), [new MailboxId(1)]))],
        1000);
}
