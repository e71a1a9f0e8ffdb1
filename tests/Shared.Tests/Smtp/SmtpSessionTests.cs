using MailCluster.Shared.Smtp;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>What no transcript can show: answers, ends and memory.</summary>
public sealed class SmtpSessionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private readonly List<SmtpEffect> _effects = [];
    private readonly SmtpSession _session = new(
        new SmtpSessionOptions
        {
            HostName = "mx.test", CreateSaslExchange = FakeSaslExchange.Create, AuthMechanisms = ["NTLM"],
        },
        new SmtpConnection("192.0.2.1", null));

    [Fact]
    public void Simple_commands_allocate_nothing_in_the_steady_state()
    {
        _session.Start(Now, _effects);
        Repeat(200);

        Assert.Equal(0, SteadyState.AllocatedBy(() => Repeat(10_000)));
    }

    [Fact]
    public void A_time_out_during_the_commit_ends_the_session_after_its_reply()
    {
        ToCommit();
        _session.TimedOut(ConnectionEndReason.ConnectionTimeout, _effects);
        Assert.Empty(_effects);

        _session.Answer(new SmtpAnswer.Accepted(AcceptVerdict.Committed, "7"), Now, _effects);

        Assert.Equal([250, 421], Codes());
        Assert.Equal(new SmtpEffect.End(ConnectionEndReason.ConnectionTimeout), _effects[^1]);
        Assert.DoesNotContain(SmtpEffect.DiscardBody.Instance, _effects);
    }

    [Fact]
    public void A_fault_during_the_commit_ends_the_session_at_once_and_leaves_the_body_alone()
    {
        ToCommit();
        _session.TimedOut(ConnectionEndReason.ServerFault, _effects);

        Assert.Equal([421], Codes());
        Assert.DoesNotContain(SmtpEffect.DiscardBody.Instance, _effects);
        Assert.Equal(SmtpExpects.Nothing, _session.Expects);
    }

    [Fact]
    public void An_answer_after_the_end_is_dropped()
    {
        ToCommit();
        _session.TimedOut(ConnectionEndReason.ServerFault, _effects);
        _effects.Clear();

        _session.Answer(new SmtpAnswer.Accepted(AcceptVerdict.Committed, "7"), Now, _effects);
        _session.TimedOut(ConnectionEndReason.Inactivity, _effects);

        Assert.Empty(_effects);
    }

    [Fact]
    public void A_line_in_the_place_of_an_answer_is_the_shells_fault()
    {
        ToCommit();

        Assert.Throws<InvalidOperationException>(() => _session.Line("NOOP"u8, Now, _effects));
    }

    [Fact]
    public void The_line_limit_and_the_name_for_metrics_follow_the_state()
    {
        _session.Start(Now, _effects);
        Line("EHLO c"u8);
        Assert.Equal((2048, "EHLO"), (_session.LineOctetsMax, _session.CommandName));
        Line("AUTH NTLM"u8);
        Assert.Equal((12_290, "AUTH"), (_session.LineOctetsMax, _session.CommandName));
        Line("*"u8);
        Assert.Equal((2048, "SASL"), (_session.LineOctetsMax, _session.CommandName));
        Line("XSECRET word"u8);
        Assert.Equal("unknown", _session.CommandName);
    }

    private void Repeat(int times)
    {
        for (var i = 0; i < times; i++)
        {
            Line("NOOP"u8);
            Line("RSET"u8);
            Line("EHLO client.example.test"u8);
        }
    }

    private void ToCommit()
    {
        _session.Start(Now, _effects);
        Line("EHLO c"u8);
        Line("MAIL FROM:<>"u8);
        Line("RCPT TO:<a@b>"u8);
        Answer(new SmtpAnswer.Recipient(new RecipientVerdict.Local([new MailboxId(1)])));
        Line("DATA"u8);
        Answer(new SmtpAnswer.BodyReceived(new BodySummary(2, 2, 0, 0, BodyFault.None)));
        Assert.IsType<SmtpEffect.AcceptMessage>(_effects[^1]);
        _effects.Clear();
    }

    private void Line(ReadOnlySpan<byte> line)
    {
        _effects.Clear();
        _session.Line(line, Now, _effects);
    }

    private void Answer(SmtpAnswer answer)
    {
        _effects.Clear();
        _session.Answer(answer, Now, _effects);
    }

    private int[] Codes() => [.. _effects.OfType<SmtpEffect.Reply>().Select(x => x.Value.Code)];
}
