using System.Collections.Immutable;
using System.Text;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Wire;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Pop3;

/// <summary>What a transcript cannot show.</summary>
public sealed class Pop3SessionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private static readonly SaslIdentity Identity = new(new AccountId(7), new TenantId(1), "alice@example.test");

    [Theory]
    [InlineData("NOOP")]
    [InlineData("STAT")]
    [InlineData("LIST 77")]
    [InlineData("UIDL 1000")]
    [InlineData("LIST 0")]
    [InlineData("RSET")]
    public void Simple_commands_allocate_nothing_in_the_steady_state(string command)
    {
        var session = LoggedIn(Messages(1000));
        var line = Encoding.ASCII.GetBytes(command);
        var effects = new List<Pop3Effect>(4);
        for (var i = 0; i < 100; i++)
        {
            effects.Clear();
            session.Line(line, Now, effects);
        }

        var allocated = SteadyState.AllocatedBy(() =>
        {
            for (var i = 0; i < 10_000; i++)
            {
                effects.Clear();
                session.Line(line, Now, effects);
            }
        });

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void Listing_of_100_000_messages_is_written_in_small_pieces_without_allocation()
    {
        var session = LoggedIn(Messages(100_000));
        Say(session, "DELE 2");
        var piece = new byte[512];
        long octets = 0;
        var lines = 0;
        var allocated = SteadyState.AllocatedBy(() =>
        {
            (octets, lines) = (0, 0);
            var listing = session.NewListing(Pop3ListingKind.Scan);
            bool isDone;
            do
            {
                isDone = listing.Write(piece, out var written);
                octets += written;
                lines += piece.AsSpan(0, written).Count((byte)'\n');
            }
            while (!isDone);
        });

        Assert.Equal(0, allocated);
        Assert.Equal(100_000, lines);
        Assert.Equal(Enumerable.Range(1, 100_000).Where(x => x != 2).Sum(x => $"{x} {x * 10}\r\n".Length) + 3, octets);
    }

    [Fact]
    public void Finished_listing_writes_nothing_more()
    {
        var listing = LoggedIn(Messages(1)).NewListing(Pop3ListingKind.UniqueId);
        Assert.True(listing.Write(new byte[512], out var first));

        Assert.True(listing.Write(new byte[512], out var second));
        Assert.Equal("1 100\r\n.\r\n".Length, first);
        Assert.Equal(0, second);
    }

    /// <summary>STANXPOP3-E0006: the limit of commands does not bind SASL responses.</summary>
    [Fact]
    public void Sasl_response_may_have_65536_octets_and_a_command_may_not()
    {
        var session = New(new Pop3SessionOptions
        {
            LoginType = Pop3LoginType.PlainTextLogin,
            MaxCommandSize = 40,
            CreateSaslExchange = (name, _) =>
                SaslMechanisms.TryCreate(name, new SaslContext("nonce"), out var exchange) ? exchange : null,
        });
        Assert.Equal(40, session.LineOctetsMax);
        Assert.Equal("+ \r\n", Say(session, "AUTH PLAIN"));
        Assert.Equal(65_538, session.LineOctetsMax);

        Assert.Equal("-ERR Malformed authentication response\r\n", Say(session, new string('A', 65_536)));
        Assert.Equal(40, session.LineOctetsMax);

        Say(session, "AUTH PLAIN");
        var effects = new List<Pop3Effect>();
        session.LineFault(LineFault.TooLong, Now, effects);
        Assert.Equal(Pop3States.Authorization, session.State);
        Assert.Equal("-ERR Line too long\r\n", ReplyOf(effects));
        Assert.Equal(2, session.ProtocolErrors);
    }

    /// <summary>STANXPOP3-C0001.</summary>
    [Fact]
    public void Long_banner_is_cut_to_a_line_of_512_octets()
    {
        var effects = new List<Pop3Effect>();
        var options = new Pop3SessionOptions { Banner = new string('x', 600) };
        new Pop3Session(options, isTlsActive: true).Start(Now, effects);

        var wire = ReplyOf(effects);
        Assert.Equal(512, wire.Length);
        Assert.EndsWith("x\r\n", wire, StringComparison.Ordinal);
    }

    [Fact]
    public void Banner_of_two_lines_stays_one_line()
    {
        var effects = new List<Pop3Effect>();
        new Pop3Session(new Pop3SessionOptions { Banner = "a\r\n+OK b" }, isTlsActive: true).Start(Now, effects);

        Assert.Equal("+OK a +OK b\r\n", ReplyOf(effects));
    }

    [Fact]
    public void Multi_line_reply_is_dot_stuffed()
    {
        Assert.Equal("+OK x\r\n..\r\n..a\r\nb\r\n.\r\n", Pop3Reply.MultiLine("x", ".", ".a", "b").ToString());
    }

    [Fact]
    public void Errors_in_a_row_end_the_session_and_a_good_command_starts_anew()
    {
        var session = LoggedIn(Messages(1));
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal("-ERR Unknown command\r\n", Say(session, "XYZZY"));
        }

        Assert.Equal("+OK\r\n", Say(session, "NOOP"));
        for (var i = 0; i < 50; i++)
        {
            Say(session, "XYZZY");
        }

        Assert.Equal(Pop3Expects.Line, session.Expects);
        Say(session, "XYZZY");
        Assert.Equal(Pop3Expects.Nothing, session.Expects);
        Assert.Equal(101, session.ProtocolErrors);
    }

    [Fact]
    public void Failed_logins_never_end_the_session_when_the_limit_is_0()
    {
        var session = New(new Pop3SessionOptions { LoginType = Pop3LoginType.PlainTextLogin, MaxLogonFailures = 0 });
        for (var i = 0; i < 20; i++)
        {
            Say(session, "USER alice");
            Say(session, "PASS wrong");
            Answer(session, new Pop3Answer.Sasl(new SaslAnswer.PasswordRefused()));
        }

        Assert.Equal(20, session.LogonFailures);
        Assert.Equal(Pop3Expects.Line, session.Expects);
    }

    [Fact]
    public void Answer_to_another_question_is_a_bug_and_said_so()
    {
        var session = LoggedIn(Messages(1));
        Assert.Throws<InvalidOperationException>(() => Answer(session, Pop3Answer.MessageSent.Sent));
        Say(session, "RETR 1");

        Assert.Throws<InvalidOperationException>(() => Say(session, "NOOP"));
        Assert.Throws<InvalidOperationException>(() => Answer(session, Pop3Answer.TlsStarted.Instance));
    }

    [Theory]
    [InlineData("stat", "STAT")]
    [InlineData("XYZZY", "unknown")]
    [InlineData("S\u00D4AT", "unknown")]
    [InlineData("[TAT", "unknown")]
    public void Command_name_comes_from_a_closed_set(string line, string name)
    {
        var session = LoggedIn(Messages(1));
        Say(session, line);

        Assert.Equal(name, session.CommandName);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0009")]
    [Trait("Requirement", "STANXPOP3-C0007")]
    public void Uidl_shows_a_foreign_unique_id_to_the_letter_and_a_number_where_there_is_none()
    {
        var longest = "!~" + new string('x', 68);
        var foreign = new ForeignUniqueIds.Builder();
        foreign.Add(new MessageNumber(100), "000000016b0179d1");
        foreign.Add(new MessageNumber(300), longest);
        var session = LoggedIn(Messages(4), foreign.Build());
        Say(session, "DELE 4");

        Assert.Equal("+OK 1 000000016b0179d1\r\n", Say(session, "UIDL 1"));
        Assert.Equal("+OK 2 200\r\n", Say(session, "UIDL 2"));
        Assert.Equal("+OK 3 30\r\n", Say(session, "LIST 3"));
        var listing = session.NewListing(Pop3ListingKind.UniqueId);
        var piece = new byte[Pop3Listing.DestinationOctetsMin];
        var all = "";
        bool isDone;
        do
        {
            isDone = listing.Write(piece, out var written);
            all += Encoding.ASCII.GetString(piece, 0, written);
        }
        while (!isDone);
        Assert.Equal($"1 000000016b0179d1\r\n2 200\r\n3 {longest}\r\n.\r\n", all);
    }

    [Fact]
    public void Ended_session_takes_a_time_out_in_silence()
    {
        var session = LoggedIn([]);
        Say(session, "QUIT");
        var effects = new List<Pop3Effect>();
        session.TimedOut(ConnectionEndReason.Inactivity, effects);

        Assert.Empty(effects);
        Assert.Equal(Pop3States.Closed, session.State);
    }

    internal static ImmutableArray<MessageEntry> Messages(int count) =>
        [.. Enumerable.Range(1, count).Select(x =>
            new MessageEntry(new MessageNumber(x * 100L), new BodyId(x), (uint)x * 10, (uint)x * 11))];

    internal static Pop3Session LoggedIn(
        ImmutableArray<MessageEntry> messages, ForeignUniqueIds? foreign = null)
    {
        var session = New(new Pop3SessionOptions { LoginType = Pop3LoginType.PlainTextLogin });
        Say(session, "USER alice");
        Say(session, "PASS secret");
        Answer(session, new Pop3Answer.Sasl(new SaslAnswer.PasswordAccepted(Identity)));
        Answer(session, new Pop3Answer.MaildropOpened(new MaildropSnapshot(new MailboxId(7), 1, messages, foreign)));
        Assert.Equal(Pop3States.Transaction, session.State);
        return session;
    }

    private static Pop3Session New(Pop3SessionOptions options)
    {
        var session = new Pop3Session(options, isTlsActive: false);
        session.Start(Now, []);
        return session;
    }

    private static string Say(Pop3Session session, string line)
    {
        var effects = new List<Pop3Effect>();
        session.Line(Encoding.UTF8.GetBytes(line), Now, effects);
        return ReplyOf(effects);
    }

    private static void Answer(Pop3Session session, Pop3Answer answer) => session.Answer(answer, Now, []);

    private static string ReplyOf(List<Pop3Effect> effects) =>
        string.Concat(effects.OfType<Pop3Effect.Reply>().Select(reply => reply.Value.ToString()));
}
