using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>A mechanism of the system that cannot be had is not offered, and the log says why, once.</summary>
public sealed class SaslOfferTests
{
    [Fact]
    [Trait("Requirement", "EX07-RFC-4954")]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void Without_users_file_and_keytab_neither_is_offered()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        settings.Environment["NTLM_USER_FILE"] = "";
        settings.Environment["KRB5_KTNAME"] = "";
        using Node node = Node.Start(settings);

        AssertOffered(node, "AUTH SCRAM-SHA-256\n", "SASL SCRAM-SHA-256 PLAIN LOGIN\r\n");
        AssertSaidOnce(node, "info", "NTLM is not offered: no users file is given");
        AssertSaidOnce(node, "info", "GSSAPI is not offered: no keytab is given");
        string checks = node.Admin("check-config");
        Assert.Contains("not offered: NTLM: no users file", checks, StringComparison.Ordinal);
        Assert.Contains("not offered: GSSAPI: no keytab", checks, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_configured_and_cannot_be_had_is_a_warning()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        settings.Root["Accounts"] = new JsonObject
        {
            ["NtlmUserFile"] = workplace.File("no-such-users"),
            ["KerberosKeytabFile"] = workplace.Write("keytab", "not a keytab"),
        };
        using Node node = Node.Start(settings);

        AssertOffered(node, "AUTH SCRAM-SHA-256\n", "SASL SCRAM-SHA-256 PLAIN LOGIN\r\n");
        AssertSaidOnce(node, "warn", "NTLM is not offered: the users file cannot be read");
        AssertSaidOnce(node, "warn", "GSSAPI is not offered: the keytab cannot be read");
    }

    /// <summary>RFC 4752 §3.2: no offer without an acceptor credential, here of the protocol's service.</summary>
    [Fact]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void Gssapi_is_offered_where_the_keytab_has_the_service_and_by_the_environment_as_well()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        string keytab = workplace.File("keytab");
        File.WriteAllBytes(keytab, Keytab.Of("smtp"));
        settings.Environment["KRB5_KTNAME"] = $"FILE:{keytab}";
        settings.Environment["NTLM_USER_FILE"] = "";
        using Node node = Node.Start(settings);

        AssertOffered(node, "AUTH GSSAPI SCRAM-SHA-256\n", "SASL SCRAM-SHA-256 PLAIN LOGIN\r\n");
        AssertSaidOnce(
            node, "info", "GSSAPI is offered over smtp: keys of smtp/mx1.example.test@EXAMPLE.TEST");
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-GEN-02")]
    public void The_obsolete_form_is_announced_where_it_is_wanted()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        settings.Gateway["AnnouncesObsoleteAuth"] = true;
        settings.Gateway["AuthMechanisms"] = new JsonArray("SCRAM-SHA-256");
        using Node node = Node.Start(settings);

        using Dialogue gateway = Dialogue.Connect(node.Smtp);
        gateway.Expect("220");
        Assert.Contains(
            "AUTH SCRAM-SHA-256\n250 AUTH=SCRAM-SHA-256", gateway.Ask("EHLO client.example.test", "250"),
            StringComparison.Ordinal);
        using Dialogue submission = Dialogue.Connect(node.Endpoint("submission"));
        submission.Expect("220");
        Assert.DoesNotContain("AUTH=", submission.Ask("EHLO client.example.test", "250"), StringComparison.Ordinal);
    }

    private static void AssertOffered(Node node, string ehlo, string capa)
    {
        using Dialogue smtp = Dialogue.Connect(node.Smtp);
        smtp.Expect("220");
        Assert.Contains(ehlo, smtp.Ask("EHLO client.example.test", "250") + "\n", StringComparison.Ordinal);
        smtp.Ask("AUTH NTLM", "504 5.5.4");
        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        pop3.Expect("+OK");
        pop3.Ask("CAPA", "+OK");
        Assert.Contains(
            capa, Encoding.ASCII.GetString(pop3.ReadMultiline()), StringComparison.Ordinal);
        pop3.Ask("AUTH NTLM", "-ERR");
    }

    private static void AssertSaidOnce(Node node, string level, string words)
    {
        string line = Assert.Single(
            node.Log.Split('\n'), line => line.Contains(words, StringComparison.Ordinal));
        Assert.Contains($"\"level\":\"{level}\"", line, StringComparison.Ordinal);
    }
}
