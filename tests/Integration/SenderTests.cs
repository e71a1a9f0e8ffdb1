using System.Globalization;
using System.Net;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>Programs that other mail servers and scripts send with.</summary>
public sealed class SenderTests(ClientNode fixture) : IClassFixture<ClientNode>
{
    private const string Letter =
        "From: Sender <sender@elsewhere.test>\nSubject: by msmtp\n\nfirst line\n.\n..dots\nGrüße\nlast line\n";

    private Node Node => fixture.Running;

    [Theory]
    [InlineData(17, "off", "with ESMTP ")]
    [InlineData(18, "on", "with ESMTPS ")]
    [Trait("Requirement", "EX07-RFC-3207")]
    public void Msmtp_sends_to_the_gateway(int user, string tls, string trace)
    {
        Msmtp("gateway", user, $"tls {tls}", "tls_starttls on", "auth off");

        Assert.Contains(trace, Received(user), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(19, "submission", "on", "plain")]
    [InlineData(20, "submission", "on", "login")]
    [InlineData(21, "submission", "on", "scram-sha-256")]
    [InlineData(22, "submissions", "off", "plain")]
    [Trait("Requirement", "EX07-RFC-4954")]
    [Trait("Requirement", "EX07-RFC-4409")]
    public void Msmtp_logs_in_and_submits(int user, string binding, string startTls, string mechanism)
    {
        Msmtp(binding, user, "tls on", $"tls_starttls {startTls}", $"auth {mechanism}", $"user {Node.User(user)}",
            $"password {Node.Password(user)}");

        Assert.Contains("with ESMTPSA ", Received(user), StringComparison.Ordinal);
    }

    [Fact]
    public void Msmtp_is_refused_with_a_wrong_password()
    {
        ToolResult result = TryMsmtp(
            "submission", 23, "tls on", "auth plain", $"user {Node.User(23)}", "password wrong");

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("535", result.Output, StringComparison.Ordinal);
        Assert.Empty(Mailbox(23));
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-2821")]
    public void Postfix_s_smtp_source_sends_many_messages_over_many_sessions()
    {
        const int Messages = 400;
        Tool.Require("smtp-source");
        Tool.Run(
            "smtp-source", "-s", "20", "-m", Messages.ToString(CultureInfo.InvariantCulture), "-l", "3000", "-f",
            "sender@elsewhere.test", "-t", Node.User(24), "-M", "client.example.test", $"{Node.Smtp}");

        List<StoredMessage> messages = Mailbox(24);
        Assert.Equal(Messages, messages.Count);
        Assert.Equal(Messages, messages.Select(message => message.Uidl).Distinct().Count());
        Assert.All(messages, message => Assert.InRange(message.Octets.Length, 3000, 3600));
    }

    [Fact]
    public void Smtp_source_sends_many_messages_over_one_session()
    {
        Tool.Require("smtp-source");
        Tool.Run(
            "smtp-source", "-d", "-s", "1", "-m", "50", "-f", "sender@elsewhere.test", "-t", Node.User(25),
            $"{Node.Smtp}");

        Assert.Equal(50, Mailbox(25).Count);
    }

    private void Msmtp(string binding, int user, params string[] settings)
    {
        ToolResult result = TryMsmtp(binding, user, settings);
        Assert.True(result.ExitCode == 0, result.Output);
        Assert.Contains(
            "first line\r\n.\r\n..dots\r\nGrüße\r\nlast line\r\n",
            Encoding.UTF8.GetString(Assert.Single(Mailbox(user)).Octets), StringComparison.Ordinal);
    }

    private ToolResult TryMsmtp(string binding, int user, params string[] settings)
    {
        Tool.Require("msmtp");
        IPEndPoint to = Node.Endpoint(binding);
        string configuration = fixture.File($"msmtprc-{user}");
        File.WriteAllText(configuration, string.Join('\n', [
            "account test", $"host {to.Address}", $"port {to.Port}", "domain client.example.test",
            $"from {Node.User(user)}", "tls_certcheck off", .. settings, "",
        ]));
        Tool.Run("chmod", "600", configuration);
        return Tool.Try("msmtp", Letter, "-C", configuration, "-a", "test", Node.User(user));
    }

    private string Received(int user) => Assert.Single(Mailbox(user)).Text;

    private List<StoredMessage> Mailbox(int user) =>
        Maildrop.Read(Node.Pop3s, Node.User(user), Node.Password(user), tls: true);
}
