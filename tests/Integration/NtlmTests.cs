using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>A node with a users file for NTLM, in which CORP is the domain of example.test.</summary>
public sealed class NtlmNode : IDisposable
{
    private readonly Node? _node;

    public NtlmNode()
    {
        Tool.Require("curl");
        Workplace = new Workplace();
        try
        {
            string users = Workplace.Write(
                "users", "CORP:user0001:right\nCORP:user0002:right\nCORP:nobody:right\nELSEWHERE:user0001:other\n");
            NodeSettings settings = new(Workplace) { SeedUsers = 3 };
            settings.Root["Accounts"] = new JsonObject
            {
                ["NtlmUserFile"] = users,
                ["Realms"] = new JsonArray(new JsonObject { ["Realm"] = "corp", ["Domain"] = "example.test" }),
            };
            settings.Pop3["LoginType"] = "PlainTextAuthentication";
            _node = Node.Start(settings);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal Workplace Workplace { get; }

    internal Node Running => _node!;

    public void Dispose()
    {
        _node?.Dispose();
        Workplace.Dispose();
    }
}

/// <summary>NTLM with curl and by hand.</summary>
public sealed class NtlmTests(NtlmNode fixture) : IClassFixture<NtlmNode>
{
    /// <summary>
    /// [MS-NLMP] §2.2.1.1, by hand: UNICODE, REQUEST_TARGET, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY; no names, no
    /// Version.
    /// </summary>
    private static readonly byte[] Negotiate =
    [
        .. "NTLMSSP\0"u8, 1, 0, 0, 0, 0x05, 0x82, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    private Node Node => fixture.Running;

    [Fact]
    [Trait("Requirement", "EX07-RFC-4954")]
    [Trait("Requirement", "EX07-RFC-1734")]
    [Trait("Requirement", "STANXPOP3-E0002")]
    [Trait("Requirement", "STANXPOP3-CR-04")]
    [Trait("Requirement", "OXSMTP-GEN-09")]
    public void Curl_sends_a_message_and_fetches_it()
    {
        CurlLogin user = As("CORP\\user0001:right");

        ToolResult sent = user.Send(Node.User(1), Node.User(1), "by-ntlm");

        Assert.True(sent.ExitCode == 0, sent.Output);
        Assert.Contains("> AUTH NTLM\n< 334 NTLM supported\n> TlRMTVNTUAAB", Lines(sent), StringComparison.Ordinal);
        Assert.Contains("< 334 TlRMTVNTUAAC", sent.Output, StringComparison.Ordinal);
        ToolResult fetched = user.Fetch(1);
        Assert.True(fetched.ExitCode == 0, fetched.Output);
        Assert.Contains("> AUTH NTLM\n< + \n> TlRMTVNTUAAB", Lines(fetched), StringComparison.Ordinal);
        Assert.Contains("Subject: by-ntlm", fetched.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CORP\\user0001:wrong")]
    [InlineData("CORP\\user0003:right")] // of the directory, not in the users file
    [InlineData("CORP\\nobody:right")] // the other way round
    [InlineData("ELSEWHERE\\user0001:other")] // its domain would be "elsewhere"
    [InlineData("example.test\\user0001:right")]
    [InlineData("user0001:right")] // gss-ntlmssp would compare with the first domain that has one
    [Trait("Requirement", "EX07-RFC-4954")]
    public void Anything_but_a_user_of_the_domain_with_the_password_is_refused(string user)
    {
        ToolResult sent = As(user).Send(Node.User(1), Node.User(1), "refused");

        Assert.Equal(CurlLogin.LoginDenied, sent.ExitCode);
        Assert.Contains("< 535 5.7.8 ", sent.Output, StringComparison.Ordinal);
        Assert.Contains("< -ERR [AUTH] ", As(user).Fetch(1).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_suspended_user_is_refused()
    {
        Node.Admin("user", "suspend", Node.User(2));

        Assert.Contains(
            "< 535 5.7.8 ", As("CORP\\user0002:right").Send(Node.User(2), Node.User(1), "no").Output,
            StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-SASL-01")]
    [Trait("Requirement", "OXSMTP-SASL-02")]
    [Trait("Requirement", "OXSMTP-SASL-03")]
    [Trait("Requirement", "OXSMTP-SASL-06")]
    public void The_words_of_MS_OXSMTP_come_before_the_first_message_and_a_challenge_after_it()
    {
        using Dialogue smtp = Dialogue.Connect(Node.Smtp);
        smtp.Expect("220");
        Assert.Contains(
            "AUTH NTLM SCRAM-SHA-256", smtp.Ask("EHLO client.example.test", "250"), StringComparison.Ordinal);

        Assert.Equal("334 NTLM supported", smtp.Ask("auth ntlm"));
        string challenge = smtp.Ask(Convert.ToBase64String(Negotiate), "334 TlRMTVNTUAAC");
        Assert.Equal("501 5.7.0 Authentication cancelled", smtp.Ask("*"));
        string other = smtp.Ask($"AUTH NTLM {Convert.ToBase64String(Negotiate)}", "334 TlRMTVNTUAAC");
        Assert.NotEqual(challenge, other);
        smtp.Ask(Convert.ToBase64String(Negotiate), "501 5.5.2"); // the third message was due
        smtp.Ask("AUTH NTLM", "334 NTLM supported");
        smtp.Ask(Convert.ToBase64String([.. "NTLMSSP\0"u8, 3, 0, 0, 0, .. new byte[52]]), "501 5.5.2");
        smtp.Ask("NOOP", "250");
    }

    /// <summary>A third message that nobody made: refused, counted as a failed login (OXSMTP-EV-11).</summary>
    [Fact]
    public void Broken_messages_end_the_connection_after_MaxLogonFailures()
    {
        using Dialogue smtp = Dialogue.Smtp(Node.Smtp);
        string authenticate = Convert.ToBase64String([.. "NTLMSSP\0"u8, 3, 0, 0, 0, .. new byte[120]]);
        for (int failure = 1; failure <= 4; failure++)
        {
            smtp.Ask($"AUTH NTLM {Convert.ToBase64String(Negotiate)}", "334 ");
            smtp.Ask(authenticate, failure <= 3 ? "535 5.7.8" : "421 4.7.0");
        }

        smtp.ExpectEnd();
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-E0002")]
    public void Capa_and_metrics_name_the_mechanism()
    {
        using Dialogue pop3 = Dialogue.Connect(Node.Pop3);
        pop3.Expect("+OK");
        pop3.Ask("CAPA", "+OK");
        Assert.Contains(
            "\r\nSASL NTLM SCRAM-SHA-256\r\n", Encoding.ASCII.GetString(pop3.ReadMultiline()),
            StringComparison.Ordinal);
        pop3.Ask($"AUTH NTLM {Convert.ToBase64String(Negotiate)}", "+ TlRMTVNTUAAC");
        pop3.Ask("*", "-ERR");
        As("CORP\\user0001:wrong").Fetch(1);

        string metrics = Tool.Run("curl", "-sS", $"{Node.Http}metrics");

        Assert.Matches("""mailcluster_edge_logins\S*\{[^}]*mechanism="NTLM"[^}]*protocol="pop3"[^}]*verdict="refused"[^}]*\}|mailcluster_edge_logins\S*\{protocol="pop3",mechanism="NTLM",verdict="refused"\}""", metrics);
    }

    private CurlLogin As(string user) => new(fixture.Workplace, Node, "NTLM", user);

    private static string Lines(ToolResult result) => result.Output.ReplaceLineEndings("\n");
}
