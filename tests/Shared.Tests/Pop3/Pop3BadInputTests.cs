using System.Text;
using MailCluster.Shared.Pop3;
using Xunit;

namespace MailCluster.Shared.Tests.Pop3;

/// <summary>
/// Every command with every argument that is no good: -ERR, nothing is marked, and the next command is taken as if
/// nothing had been.
/// </summary>
public sealed class Pop3BadInputTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private static readonly string[] NoMessages =
    [
        "0", "00", "-1", "+1", "4", "2147483647", "2147483648", "4294967295", "4294967296", "4294967297",
        "18446744073709551615", "18446744073709551616", "18446744073709551617",
        "99999999999999999999999999999999999999999", "1.0", "1e0", "0x1", "one", "\u0661", "1,2", "1 2", "1\t2", "\0", "1\0",
        "3",
    ];

    public static TheoryData<string, string> Arguments()
    {
        TheoryData<string, string> cases = [];
        foreach (var command in (string[])["LIST", "UIDL", "RETR", "DELE"])
        {
            foreach (var argument in NoMessages)
            {
                cases.Add(command, argument);
            }
        }

        foreach (var argument in NoMessages.Where(argument => argument is not ("1 2" or "1\t2")))
        {
            cases.Add("TOP", argument + " 1");
        }

        foreach (var lines in (string[])["", "-1", "+1", "x", "1 1", "0x10", "1.5"])
        {
            cases.Add("TOP", "1 " + lines);
        }

        foreach (var command in (string[])["RETR", "DELE", "TOP"])
        {
            cases.Add(command, "");
        }

        foreach (var command in (string[])["STAT", "NOOP", "RSET", "QUIT", "CAPA"])
        {
            cases.Add(command, "1");
        }

        return cases;
    }

    /// <summary>Three messages, the third of them marked.</summary>
    [Theory]
    [Trait("Requirement", "STANXPOP3-V0001")]
    [MemberData(nameof(Arguments))]
    public void An_argument_that_is_no_good_is_refused_and_changes_nothing(string command, string argument)
    {
        var session = Pop3SessionTests.LoggedIn(Pop3SessionTests.Messages(3));
        Assert.Equal("+OK Marked for deletion\r\n", Say(session, "DELE 3"));

        var reply = Say(session, $"{command} {argument}");

        Assert.StartsWith("-ERR ", reply, StringComparison.Ordinal);
        Assert.Equal("+OK 2 30\r\n", Say(session, "STAT"));
        Assert.Equal("+OK 1 10\r\n", Say(session, "LIST 1"));
    }

    [Theory]
    [Trait("Requirement", "STANXPOP3-C0002")]
    [Trait("Requirement", "STANXPOP3-C0003")]
    [InlineData("STAT")]
    [InlineData("LIST")]
    [InlineData("LIST 1")]
    [InlineData("RETR 1")]
    [InlineData("DELE 1")]
    [InlineData("NOOP")]
    [InlineData("RSET")]
    [InlineData("TOP 1 0")]
    [InlineData("UIDL")]
    [InlineData("UIDL 1")]
    public void A_command_of_the_other_state_is_refused_before_login(string line)
    {
        var session = NotLoggedIn();
        Assert.Equal("-ERR Command is not valid in this state\r\n", Say(session, line));
        Assert.Equal(Pop3States.Authorization, session.State);
        Assert.Equal("+OK Send PASS\r\n", Say(session, "USER alice"));
    }

    [Theory]
    [InlineData("USER bob")]
    [InlineData("PASS secret")]
    [InlineData("APOP bob 0123456789abcdef0123456789abcdef")]
    [InlineData("AUTH PLAIN")]
    [InlineData("STLS")]
    [InlineData("UTF8")]
    public void A_command_of_the_other_state_is_refused_after_login(string line)
    {
        var session = Pop3SessionTests.LoggedIn(Pop3SessionTests.Messages(3));
        Assert.Equal("-ERR Command is not valid in this state\r\n", Say(session, line));
        Assert.Equal(Pop3States.Transaction, session.State);
        Assert.Equal("+OK 3 60\r\n", Say(session, "STAT"));
    }

    /// <summary>What is not known is told from what is refused: the texts differ, and a client may go on.</summary>
    [Theory]
    [Trait("Requirement", "STANXPOP3-V0001")]
    [InlineData("XTND", "-ERR Unknown command\r\n")]
    [InlineData("", "-ERR Unknown command\r\n")]
    [InlineData(" STAT", "-ERR Unknown command\r\n")]
    [InlineData("STATS", "-ERR Unknown command\r\n")]
    [InlineData("LAST", "-ERR Unknown command\r\n")]
    [InlineData("STAT 1", "-ERR Command takes no arguments\r\n")]
    [InlineData("RETR", "-ERR Syntax error in arguments\r\n")]
    [InlineData("RETR 9", "-ERR No such message\r\n")]
    [InlineData("USER bob", "-ERR Command is not valid in this state\r\n")]
    public void An_error_says_which_kind_it_is(string line, string reply)
    {
        var session = Pop3SessionTests.LoggedIn(Pop3SessionTests.Messages(3));
        Assert.Equal(reply, Say(session, line));
        Assert.Equal("+OK\r\n", Say(session, "NOOP"));
    }

    /// <summary>RFC 1939 §3 as STANXPOP3-C0001 has it, over every reply that any command can give.</summary>
    [Fact]
    [Trait("Requirement", "STANXPOP3-C0001")]
    public void No_status_line_is_longer_than_512_octets_or_two_lines()
    {
        var texts = typeof(Pop3Replies).GetFields(
                System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Public
                | System.Reflection.BindingFlags.NonPublic)
            .Select(field => field.GetValue(null))
            .Select(value => value is Pop3Effect.Reply reply ? reply.Value : value)
            .OfType<Pop3Reply>().Append(new Pop3Reply(false, new string('x', 2000))).ToList();

        Assert.True(texts.Count > 30);
        Assert.All(texts, reply =>
        {
            var wire = reply.ToString();
            Assert.True(reply.Wire.Length <= 512);
            Assert.Equal(wire.Length - 2, wire.IndexOf('\r', StringComparison.Ordinal));
            Assert.EndsWith("\r\n", wire, StringComparison.Ordinal);
        });
    }

    private static Pop3Session NotLoggedIn()
    {
        var session = new Pop3Session(
            new Pop3SessionOptions { LoginType = Pop3LoginType.PlainTextLogin }, isTlsActive: false);
        session.Start(Now, []);
        return session;
    }

    private static string Say(Pop3Session session, string line)
    {
        var effects = new List<Pop3Effect>();
        session.Line(Encoding.UTF8.GetBytes(line), Now, effects);
        Assert.Equal(Pop3Expects.Line, session.Expects);
        return string.Concat(effects.OfType<Pop3Effect.Reply>().Select(reply => reply.Value.ToString()));
    }
}
