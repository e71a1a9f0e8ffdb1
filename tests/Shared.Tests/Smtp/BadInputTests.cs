using System.Buffers;
using System.Text;
using MailCluster.Shared.Smtp;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>
/// Every malformed command, parameter, address, base64 and chunk size: the reply its RFC names, one protocol error, a
/// session that goes on, and 421 4.7.0 for the sixth.
/// </summary>
public sealed class BadInputTests
{
    private const int MaxProtocolErrors = 5;
    private const string Greeted = "EHLO client.example.test\r\n";
    private const string Sender = Greeted + "MAIL FROM:<>\r\n";
    private const string Recipient = Sender + "RCPT TO:<alice@example.test>\r\n";

    public static TheoryData<string, string, string> Inputs
    {
        get
        {
            TheoryData<string, string, string> rows = [];
            // RFC 5321 §4.2.2, §4.2.4: 500 what is no command, 501 its arguments, 503 its place
            Add(rows, "", "500 5.5.2", "", " NOOP", "\0", "\u00ff\u00fe\u00fd", "MAIL\tFROM:<>", "N\u00d6OP",
                "@");
            Add(rows, "", "500 5.5.1", "XFOO", "NOOPE", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 25",
                "GET / HTTP/1.1", "SEND FROM:<a@b.test>");
            Add(rows, "", "500 5.5.2", "NOOP\n", new string('x', 2047), "NOOP " + new string('x', 70_000));
            Add(rows, "", "501 5.5.4", "EHLO", "HELO", "EHLO a b", "HELO a b", "EHLO [1.2.3.4", "EHLO a@b",
                "EHLO <a>", "HELO \0", "RSET now", "QUIT now", "STARTTLS now");
            Add(rows, "", "503 5.5.1", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA");
            Add(rows, Greeted, "503 5.5.1", "RCPT TO:<a@b.test>", "DATA", "BDAT 0", "BDAT 0 LAST");
            Add(rows, Greeted, "501 5.5.4", "MAIL", "MAIL FROM", "MAIL FROM <a@b.test>", "MAIL TO:<a@b.test>",
                "VRFY", "EXPN");
            // RFC 5321 §4.1.2; RFC 3463 §3.2: X.1.7 the sender's, X.1.3 the recipient's address
            Add(rows, Greeted, "501 5.1.7", "MAIL FROM:", "MAIL FROM:a@b.test", "MAIL FROM:<a@b.test",
                "MAIL FROM:<a@>", "MAIL FROM:<@b.test>", "MAIL FROM:<a b@c.test>", "MAIL FROM:<a..b@c.test>",
                "MAIL FROM:<.a@c.test>", "MAIL FROM:<a@b@c.test>", "MAIL FROM:<a@[1.2.3]>",
                "MAIL FROM:<a@[1.2.3.256]>", "MAIL FROM:<a@[IPv6:1::2::3]>", "MAIL FROM:<\"a@b.test>",
                "MAIL FROM:<\"a\rb\"@c.test>", "MAIL FROM:<<a@b.test>>", "MAIL FROM:<@a.test,:b@c.test>",
                "MAIL FROM:<" + new string('l', 65) + "@c.test>", "MAIL FROM:<a@" + new string('d',
                64) + ".test>", "MAIL FROM:<a@" + string.Join('.', Enumerable.Repeat("d23456789", 26)) + ">");
            Add(rows, Sender, "501 5.1.3", "RCPT TO:", "RCPT TO:<>", "RCPT TO:a@b.test", "RCPT TO:<a@b.test",
                "RCPT TO:<a@>", "RCPT TO:<a b@c.test>", "RCPT TO:<a@b..c>", "RCPT TO:<a>",
                "RCPT TO:<\"\0\"@c.test>", "RCPT TO:<a@[IPv6:]>");
            Add(rows, Sender, "501 5.5.4", "RCPT", "RCPT TO", "RCPT FROM:<a@b.test>",
                "RCPT TO:<a@b.test>NOTIFY=NEVER", "RCPT TO:<a@b.test> =");
            // RFC 5321 §4.1.1.11: 555 for what is not known; RFC 1870 §6, RFC 6152 §2, RFC 6531 §3.4, RFC 4954 §5:
            // 501 for a bad value
            Add(rows, Greeted, "555 5.5.4", "MAIL FROM:<> FOO", "MAIL FROM:<> FOO=bar", "MAIL FROM:<> RET=FULL",
                "MAIL FROM:<> SIZE=1 X-A=1");
            Add(rows, Sender, "555 5.5.4", "RCPT TO:<alice@example.test> FOO",
                "RCPT TO:<alice@example.test> NOTIFY=NEVER");
            Add(rows, Greeted, "501 5.5.4", "MAIL FROM:<> SIZE", "MAIL FROM:<> SIZE=", "MAIL FROM:<> SIZE=-1",
                "MAIL FROM:<> SIZE=1x", "MAIL FROM:<> SIZE=123456789012345678901", "MAIL FROM:<> SIZE=1 SIZE=1",
                "MAIL FROM:<> BODY", "MAIL FROM:<> BODY=", "MAIL FROM:<> BODY=16BIT",
                "MAIL FROM:<> BODY=7BIT BODY=7BIT", "MAIL FROM:<> SMTPUTF8=1", "MAIL FROM:<> AUTH",
                "MAIL FROM:<> AUTH=+4", "MAIL FROM:<> AUTH=a=b", "MAIL FROM:<> =1", "MAIL FROM:<> -A=1",
                "MAIL FROM:<>SIZE=1");
            // RFC 4954 §4: 501 what cannot be decoded or cancels, 504 the mechanism; §4.2 500 5.5.6 the line
            Add(rows, Greeted, "501 5.5.4", "AUTH", "AUTH !", "AUTH NTLM\u00e4", "AUTH ABCDEFGHIJKLMNOPQRSTU");
            Add(rows, Greeted, "504 5.5.4", "AUTH CRAM-MD5", "AUTH X");
            Add(rows, Greeted, "501 5.5.2", "AUTH PLAIN ====", "AUTH PLAIN YQ", "AUTH PLAIN YR==",
                "AUTH PLAIN Y Q=", "AUTH PLAIN \u00e4\u00e4\u00e4\u00e4", "AUTH PLAIN YQ==YQ==");
            Add(rows, Greeted + "AUTH PLAIN\r\n", "501 5.5.2", "====", "YQ", "YR==", "not base64", "\0\0\0\0",
                "YQ==", "NOOP");
            Add(rows, Greeted + "AUTH LOGIN\r\n", "501 5.5.2", "!", "YQ=");
            Add(rows, Greeted + "AUTH LOGIN\r\n", "501 5.7.0", "*");
            Add(rows, Greeted + "AUTH PLAIN\r\n", "500 5.5.6", new string('A', 12_289));
            Add(rows, Greeted + "AUTH PLAIN\r\n", "500 5.5.2", "YQ==\n");
            // RFC 3030 §2
            Add(rows, Recipient, "501 5.5.4", "BDAT", "BDAT LAST", "BDAT x", "BDAT -1", "BDAT +1", "BDAT 0x10",
                "DATA now");
            Add(rows, Recipient, "501 5.5.4", "BDAT 3 LUST\r\nabc", "BDAT 3 LAST LAST\r\nabc",
                "BDAT 3x\r\nabc");
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Inputs))]
    [Trait("Requirement", "OXSMTP-EV-11")]
    public void Bad_input_gets_its_reply_and_counts_and_the_sixth_ends_the_session(
        string before, string input, string reply)
    {
        var first = Start(before);
        Feed(first, input);
        Assert.StartsWith("S: " + reply + " ", Assert.Single(Replies(first)), StringComparison.Ordinal);
        Assert.Equal(1, first.Session.ProtocolErrors);
        Feed(first, "NOOP");
        Assert.Equal("S: 250 2.0.0 OK", Assert.Single(Replies(first)));

        var sixth = Start(string.Concat(Enumerable.Repeat("XFOO\r\n", MaxProtocolErrors)) + before);
        Assert.Equal(MaxProtocolErrors, sixth.Session.ProtocolErrors);
        Feed(sixth, input);
        Assert.Equal("S: 421 4.7.0 Too many errors, closing connection", Assert.Single(Replies(sixth)));
        Assert.Equal(SmtpExpects.Nothing, sixth.Session.Expects);
    }

    [Theory]
    [InlineData("BDAT 99999999999999999999")]
    [InlineData("BDAT 9223372036854775808 LAST")]
    public void A_chunk_size_that_nobody_can_count_ends_the_session_at_once(string input)
    {
        var peer = Start(Recipient);

        Feed(peer, input);

        Assert.Equal(["S: 421 4.7.0 Chunk size out of range, closing connection"], Replies(peer));
        Assert.Equal(SmtpExpects.Nothing, peer.Session.Expects);
    }

    private static void Add(
        TheoryData<string, string, string> rows, string before, string reply, params string[] inputs)
    {
        foreach (var input in inputs)
        {
            rows.Add(before, input, reply);
        }
    }

    private static SmtpTranscriptPeer Start(string before)
    {
        var peer = new SmtpTranscriptPeer();
        peer.Start(new Dictionary<string, string>
        {
            ["auth"] = "PLAIN,LOGIN,NTLM", ["plaintext"] = "allowed",
        });
        peer.Feed(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(before)));
        _ = peer.TakeOutput();
        return peer;
    }

    /// <summary>A line; what ends in LF already, or holds a chunk, is sent as it is.</summary>
    private static void Feed(SmtpTranscriptPeer peer, string input) => peer.Feed(new ReadOnlySequence<byte>(
        Encoding.Latin1.GetBytes(input.Contains('\n', StringComparison.Ordinal) ? input : input + "\r\n")));

    private static List<string> Replies(SmtpTranscriptPeer peer) =>
        [.. peer.TakeOutput().Where(line => line.StartsWith("S:", StringComparison.Ordinal))];
}
