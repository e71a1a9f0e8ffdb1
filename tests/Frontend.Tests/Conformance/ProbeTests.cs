using System.Collections.Concurrent;
using MailCluster.Frontend.Conformance;
using Xunit;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>Each probe believes a server that is right, and does not believe one that lies.</summary>
public sealed class ProbeTests
{
    private const string Taken = "250 2.0.0 taken";
    private const string Changed = "+OK\r\nSubject: changed\r\n\r\nchanged\r\n.";

    /// <summary>For each row a lie that it is there to find.</summary>
    private static readonly Dictionary<string, (string Asked, string Lie)> Lies = new()
    {
        ["OXSMTP-GEN-01"] = ("^RSET", "500 5.5.1 no"),
        ["OXSMTP-GEN-02"] = ("^EHLO", "250-stand.in\r\n250-STARTTLS\r\n250 SIZE 1000"),
        ["OXSMTP-GEN-03"] = ("^EHLO$", "250 fine"),
        ["OXSMTP-GEN-04"] = (@"\(LF\.LF\)", Taken),
        ["OXSMTP-GEN-05"] = ("SMTPUTF8=1", Taken),
        ["OXSMTP-SASL-01"] = ("^AUTH NTLM", "334 NTLM is supported"),
        ["OXSMTP-SASL-02"] = ("^AUTH ntlm", "334 ntlm supported"),
        ["OXSMTP-SASL-03"] = ("^AUTH GSSAPI", "334 "),
        ["OXSMTP-SASL-06"] = ("^TlRMTVNTUAABAAAA", "334 VHlwZSAyLCByZWFsbHksIGJlbGlldmUgbWUuLi4uLi4u"),
        ["OXSMTP-SASL-07"] = ("^AUTH PLAIN$", "334 go on"),
        ["OXSMTP-EV-01"] = (@"\(session is over\)", "250 2.0.0 no hurry"),
        ["OXSMTP-EV-02"] = (@"\(silence\)", "500 5.5.1 idle"),
        ["OXSMTP-EV-04"] = ("^NOOP", "421 4.4.2 idle"),
        ["OXSMTP-EV-05"] = (@"\(hops\)", Taken),
        ["OXSMTP-EV-06"] = (@"\(local hops\)", Taken),
        ["OXSMTP-EV-07"] = (@"\(too many recipients\)", "550 5.5.3 too many"),
        ["OXSMTP-EV-08"] = (@"\(rate\)", "451 4.7.1 slow down"),
        ["OXSMTP-EV-09"] = (@"\(header\)", Taken),
        ["OXSMTP-EV-10"] = (@"\(size\)", "552 5.2.3 too big"),
        ["OXSMTP-EV-11"] = (@"\(too many errors\)", "500 5.5.1 what"),
        ["OXSMTP-EV-15"] = (@"\(too many connections\)", "421 4.7.0 too many"),
        ["OXSMTP-EV-16"] = (@"\(too many connections\)", "554 5.3.2 too many"),
        ["OXSMTP-EV-19"] = (@"\(tarpit\)", "off"),
        ["STANXPOP3-NV-2.1.1"] = ("^LIST\t1", "-ERR what"),
        ["STANXPOP3-NV-2.1.2"] = ("^USER x{100}$", "-ERR too long"),
        ["STANXPOP3-NV-2.1.3"] = (@"\(second\)", "-ERR [IN-USE] locked"),
        ["STANXPOP3-NV-2.1.4"] = ("^STAT", "+OK 1 9"),
        ["STANXPOP3-NV-2.1.5"] = ("^LIST 1", "+OK 1 999999"),
        ["STANXPOP3-C0001"] = (@"\(greeting\)", "+OK " + new string('x', 600)),
        ["STANXPOP3-C0002"] = ("^STAT", "+OK 0 0"),
        ["STANXPOP3-V0001"] = ("^XYZZY", "+OK"),
        ["STANXPOP3-V0002"] = (@"\(idle\)", ""),
        ["STANXPOP3-V0003"] = (@"\(idle\)", "+OK bye"),
        ["STANXPOP3-C0003"] = ("^PASS secret", "+OK"),
        ["STANXPOP3-E0002"] = ("^CAPA", "+OK\r\nTOP\r\n."),
        ["STANXPOP3-C0004"] = ("^RETR 2", Changed),
        ["STANXPOP3-V0004"] = ("^STAT", "+OK 0 0 messages"),
        ["STANXPOP3-V0005"] = ("^LIST 1", "+OK 1 20 octets"),
        ["STANXPOP3-C0006"] = ("^NOOP", "-ERR what"),
        ["STANXPOP3-V0007"] = ("^TOP 1 0", Changed),
        ["STANXPOP3-C0007"] = ("^UIDL$", "+OK\r\n1 abc\r\n2 abd\r\n."),
        ["STANXPOP3-C0008"] = ("^UIDL$", "+OK\r\n1 7\r\n."),
        ["STANXPOP3-C0009"] = ("^UIDL$", "+OK\r\n1 7\r\n2 7\r\n."),
        ["STANXPOP3-V0008"] = ("^USER nobody", "-ERR unknown"),
        ["STANXPOP3-V0009"] = ("^USER nobody", "-ERR unknown"),
        ["STANXPOP3-V0010"] = ("^USER ann", "+OK"),
        ["STANXPOP3-V0011"] = ("^PASS pw $", "+OK in"),
        ["STANXPOP3-V0012"] = ("^APOP", "+OK in"),
        ["STANXPOP3-C0011"] = ("^RETR", Changed),
        ["STANXPOP3-E0006"] = ("^USER x{508}$", "+OK"),
        ["STANXPOP3-E0007"] = ("^USER x{248}$", "-ERR too long"),
        ["EX07-RFC-1652"] = ("BODY=9BIT", Taken),
        ["EX07-RFC-1870"] = ("SIZE=many", Taken),
        ["EX07-RFC-2034"] = ("^NOOP", "250 ok"),
        ["EX07-RFC-2821"] = ("<Postmaster>", "550 5.1.1 unknown"),
        ["EX07-RFC-3030"] = ("^DATA", "354 go"),
        ["EX07-RFC-3207"] = ("^STARTTLS now", "220 2.0.0 go"),
        ["EX07-RFC-3463"] = ("nobody", "550 5.0.0 no"),
        ["EX07-RFC-4409"] = ("^(MAIL|RCPT)", Taken),
        ["EX07-RFC-4954"] = ("not-base64", "535 5.7.8 wrong"),
        ["EX07-RFC-4346"] = ("^STARTTLS$", "454 4.7.0 no"),
        ["EX07-RFC-1939"] = ("^DELE 0", "+OK"),
        ["OFFINT-02"] = ("^UIDL 2", "+OK 1 1"),
        ["EX07-RFC-1734"] = (@"^AUTH X", "+OK in"),
        ["EX07-RFC-2449"] = ("^CAPA", "-ERR what"),
        ["EX07-RFC-2595"] = ("^STLS", "-ERR what"),
    };

    public static TheoryData<string> Ids => [.. Inspection.Probes.Select(probe => probe.Id)];

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task A_right_answer_passes(string id)
    {
        var finding = await PlayAsync(id, []);

        Assert.True(finding.Verdict == Verdict.Pass, $"{finding}");
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task A_wrong_answer_fails(string id)
    {
        // What is carried comes back by RETR.
        var (asked, lie) = Lies.GetValueOrDefault(id, ("^RETR", Changed));

        var finding = await PlayAsync(id, new Dictionary<string, string> { [asked] = lie });

        Assert.True(finding.Verdict == Verdict.Fail, $"{finding}");
    }

    private static async Task<Finding> PlayAsync(string id, Dictionary<string, string> lies)
    {
        var time = id is "OXSMTP-EV-01" or "OXSMTP-EV-02" or "OXSMTP-EV-04" or "OXSMTP-EV-19" or "STANXPOP3-V0002"
            or "STANXPOP3-V0003" ? new ManualTime() : null;
        await using var smtp = new StandInSmtp(lies)
        {
            Time = time,
            HasRate = id == "OXSMTP-EV-08",
            Pace = id is "OXSMTP-EV-01" or "OXSMTP-EV-04" ? TimeSpan.FromSeconds(30) : TimeSpan.Zero,
            SessionLasts = id == "OXSMTP-EV-01" ? TimeSpan.FromSeconds(300) : null,
            SilenceAfterHello = id == "OXSMTP-EV-02" ? TimeSpan.FromSeconds(45) : null,
        };
        await using var submission = new StandInSmtp(lies) { IsSubmission = true };
        await using var pop3 = new StandInPop3(lies, Seeded(smtp, id))
        {
            Time = time,
            ClearIsRefused = id == "STANXPOP3-V0010",
            SilenceAtFirst = id == "STANXPOP3-V0002" ? TimeSpan.FromSeconds(60) : null,
            SilenceAfterDele = id == "STANXPOP3-V0003" ? TimeSpan.FromSeconds(60) : null,
        };
        var target = new Target
        {
            Smtp = smtp.Place,
            Submission = id == "EX07-RFC-4409" ? submission.Place : null,
            Pop3 = pop3.Place,
            Tls = id is "EX07-RFC-3207" or "EX07-RFC-4346" ? TlsUse.StartTls : TlsUse.None,
            Pop3Tls = TlsUse.None,
            Recipient = "ann@stand.in",
            User = "ann@stand.in",
            Password = "pw",
            MaxHops = StandInSmtp.HopsMax,
            MaxLocalHops = StandInSmtp.LocalHopsMax,
            MaxRecipients = StandInSmtp.RecipientsMax,
            MaxHeaderSize = StandInSmtp.HeaderMax,
            RateLimit = StandInSmtp.RateMax,
            ProtocolErrors = StandInSmtp.ErrorsMax,
            LogonFailures = StandInSmtp.LogonsMax,
            Connections = StandInSmtp.ConnectionsMax,
            ConnectionsPerSource = StandInSmtp.PerSourceMax,
            Tarpit = StandInSmtp.Tarpit,
            Idle = TimeSpan.FromSeconds(45),
            Pop3Idle = TimeSpan.FromSeconds(60),
            Pop3IdleLoggedOn = TimeSpan.FromSeconds(60),
            Pop3CommandSize = StandInPop3.CommandMax,
            Slow = true,
            Patience = time is null ? TimeSpan.FromSeconds(30) : TimeSpan.FromHours(1),
        };
        var visit = new Visit(target, time ?? TimeProvider.System, TestContext.Current.CancellationToken);
        return await Inspection.PlayAsync(Inspection.Probes.Single(probe => probe.Id == id), visit);
    }

    /// <summary>A message is there already where nobody can deliver in virtual time.</summary>
    private static ConcurrentQueue<string> Seeded(StandInSmtp smtp, string id)
    {
        if (id == "STANXPOP3-V0003")
        {
            smtp.Accepted.Enqueue("Subject: one\r\n\r\none\r\n");
        }

        return smtp.Accepted;
    }
}
