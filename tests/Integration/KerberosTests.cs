using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>GSSAPI (RFC 4752) with real tickets of a real KDC.</summary>
public sealed class KerberosTests(KerberosNode fixture) : IClassFixture<KerberosNode>
{
    private Node Node => fixture.Running;

    [Fact]
    [Trait("Requirement", "EX07-RFC-4120")]
    [Trait("Requirement", "EX07-RFC-1734")]
    [Trait("Requirement", "STANXPOP3-E0002")]
    public void A_ticket_sends_a_message_and_fetches_it()
    {
        CurlLogin user = As("user0001");

        ToolResult sent = user.Send(Node.User(1), Node.User(1), "by-ticket");

        Assert.True(sent.ExitCode == 0, sent.Output);
        Assert.Contains("< 334 GSSAPI supported\n", sent.Output, StringComparison.Ordinal);
        Assert.Contains("< 235 2.7.0 ", sent.Output, StringComparison.Ordinal);
        ToolResult fetched = user.Fetch(1);
        Assert.True(fetched.ExitCode == 0, fetched.Output);
        Assert.Contains("> AUTH GSSAPI\n< + \n", fetched.Output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Contains("Subject: by-ticket", fetched.Output, StringComparison.Ordinal);
        Assert.Contains("ESMTPA", fetched.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stranger")]
    [InlineData("user0001/admin")]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void Who_has_a_ticket_and_no_mailbox_of_that_name_is_refused(string principal)
    {
        CurlLogin user = As(principal);

        ToolResult sent = user.Send(Node.User(1), Node.User(1), "refused");

        Assert.Equal(CurlLogin.LoginDenied, sent.ExitCode);
        Assert.Contains("< 535 5.7.8 ", sent.Output, StringComparison.Ordinal);
        Assert.Contains("< -ERR [AUTH] ", user.Fetch(1).Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void A_suspended_user_is_refused_until_that_is_undone()
    {
        CurlLogin user = As("user0003");
        Suspend();
        try
        {
            Assert.Contains(
                "< 535 5.7.8 ", user.Send(Node.User(3), Node.User(1), "no").Output, StringComparison.Ordinal);
        }
        finally
        {
            Suspend("--undo");
        }

        Assert.Equal(0, user.Send(Node.User(3), Node.User(2), "again").ExitCode);
    }

    /// <summary>RFC 4752 §3.1, with a client that asks for the server's proof as well.</summary>
    [Theory]
    [InlineData("user0002@EXAMPLE.TEST", true)]
    [InlineData("user0002", true)]
    [InlineData("user0002@example.test", true)]
    [InlineData("user0001@EXAMPLE.TEST", false)]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void Nobody_acts_for_another(string authorizationIdentity, bool isAllowed)
    {
        Tool.Require("gsasl");

        ToolResult result = Tool.Try(
            Kdc.With(
                Login("user0002"), "gsasl", "--smtp", "--no-starttls", $"--connect={Node.Endpoint("plain")}",
                "--mechanism=GSSAPI", "--service=smtp", $"--hostname={Kdc.ServerHost}",
                $"--authorization-id={authorizationIdentity}"),
            null);

        Assert.Contains(isAllowed ? "235 2.7.0 " : "535 5.7.8 ", result.Output, StringComparison.Ordinal);
    }

    private CurlLogin As(string user) =>
        new(fixture.Workplace, Node, "GSSAPI", $"{user}@{Kdc.Realm}:", Login(user));

    private Dictionary<string, string> Login(string user) => fixture.Kdc.Login(user, "ticket");

    private void Suspend(params string[] more) => Node.Admin(["user", "suspend", Node.User(3), .. more]);
}
