using System.Net;
using System.Text;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace MailCluster.Frontend.Tests.Options;

public sealed class ConfigurationTests
{
    [Fact]
    public void The_example_is_accepted_whole()
    {
        var loaded = ConfigurationLoader.Load(Path.Combine(AppContext.BaseDirectory, "Options", "config.example.json"));

        Assert.Equal("mx1", loaded.Options.Node.Name);
        Assert.Equal(2, loaded.Options.Smtp.Bindings.Length);
        Assert.Equal(600, loaded.Options.Smtp.Bindings[0].MessageRateLimit);
        Assert.Null(loaded.Options.Smtp.Bindings[0].AllowedUsers);
        Assert.Equal(
            ["NTLM", "GSSAPI", "SCRAM-SHA-256", "PLAIN", "LOGIN"], loaded.Options.Smtp.Bindings[0].AuthMechanisms);
        Assert.Equal(TimeSpan.FromSeconds(2.5), loaded.Options.Cluster.LeaseDuration);
        Assert.Equal("imap", Assert.Single(loaded.Options.Imap.Bindings).Name);
        Assert.Empty(loaded.Advice);
    }

    [Fact]
    public void What_the_example_sets_ahead_of_its_feature_is_listed_once()
    {
        var listed = ConfigurationLoader.Load(
            Path.Combine(AppContext.BaseDirectory, "Options", "config.example.json")).NotInForce;

        Assert.Contains(listed, entry => entry.Path == "MailCluster:Imap");
        Assert.DoesNotContain(listed, entry => entry.Path.StartsWith("MailCluster:Imap:", StringComparison.Ordinal));
        Assert.Contains(listed, entry => entry.Path == "MailCluster:Cluster");
        Assert.DoesNotContain(listed, entry => entry.Path.Contains("MaxHopCount", StringComparison.Ordinal));
        Assert.Equal(listed.Length, listed.Select(entry => entry.Path).Distinct().Count());
    }

    [Theory]
    [InlineData("""{"Smpt":{}}""", "MailCluster:Smpt", "known here: Node, Store, Tls, Smtp")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxHops":3}]}}""", "MailCluster:Smtp:Bindings:0:MaxHops", "unknown key")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxHopCount":501}]}}""", "MailCluster:Smtp:Bindings:0:MaxHopCount", "1 to 500")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxHopCount":0}]}}""", "MailCluster:Smtp:Bindings:0:MaxHopCount", "1 to 500")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxHopCount":null}]}}""", "MailCluster:Smtp:Bindings:0:MaxHopCount", "1 to 500")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxLocalHopCount":51}]}}""", "MailCluster:Smtp:Bindings:0:MaxLocalHopCount", "0 to 50")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxRecipientsPerMessage":512001}]}}""", "MailCluster:Smtp:Bindings:0:MaxRecipientsPerMessage", "1 to 512000")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxMessageSize":65535}]}}""", "MailCluster:Smtp:Bindings:0:MaxMessageSize", "65536 to 2147483647")]
    [InlineData("""{"Smtp":{"Bindings":[{"MaxLogonFailures":11}]}}""", "MailCluster:Smtp:Bindings:0:MaxLogonFailures", "0 to 10")]
    [InlineData("""{"Smtp":{"Bindings":[{"ConnectionTimeout":"5"}]}}""", "MailCluster:Smtp:Bindings:0:ConnectionTimeout", "hh:mm:ss")]
    [InlineData("""{"Smtp":{"Bindings":[{"ConnectionInactivityTimeout":"00:06:00"}]}}""", "MailCluster:Smtp:Bindings:0:ConnectionInactivityTimeout", "at most ConnectionTimeout")]
    [InlineData("""{"Smtp":{"Bindings":[{"Role":"Hub"}]}}""", "MailCluster:Smtp:Bindings:0:Role", "Gateway, Relay, Submission")]
    [InlineData("""{"Smtp":{"Bindings":[{"Role":"1"}]}}""", "MailCluster:Smtp:Bindings:0:Role", "Gateway, Relay, Submission")]
    [InlineData("""{"Smtp":{"Bindings":[{"Endpoint":"127.0.0.1"}]}}""", "MailCluster:Smtp:Bindings:0:Endpoint", "address:port")]
    [InlineData("""{"Smtp":{"Bindings":[{"Endpoint":"::1:25"}]}}""", "MailCluster:Smtp:Bindings:0:Endpoint", "IPv6 in brackets")]
    [InlineData("""{"Smtp":{"Bindings":[{"Endpoint":"127.0.0.1:65536"}]}}""", "MailCluster:Smtp:Bindings:0:Endpoint", "address:port")]
    [InlineData("""{"Smtp":{"Bindings":[{"ProxyProtocolFrom":["10.0.0.1/8"]}]}}""", "MailCluster:Smtp:Bindings:0:ProxyProtocolFrom:0", "zero host bits")]
    [InlineData("""{"Smtp":{"Bindings":[{"AuthMechanisms":["CRAM-MD5"]}]}}""", "MailCluster:Smtp:Bindings:0:AuthMechanisms:0", "SCRAM-SHA-256")]
    [InlineData("""{"Smtp":{"Bindings":[{"MessageRateLimit":0}]}}""", "MailCluster:Smtp:Bindings:0:MessageRateLimit", "unlimited")]
    [InlineData("""{"Smtp":{"Bindings":{"Name":"x"}}}""", "MailCluster:Smtp:Bindings", "square brackets")]
    [InlineData("""{"Smtp":"x"}""", "MailCluster:Smtp", "braces")]
    [InlineData("""{"Pop3":{"MaxCommandSize":39}}""", "MailCluster:Pop3:MaxCommandSize", "40 to 1024")]
    [InlineData("""{"Pop3":{"MaxCommandSize":1025}}""", "MailCluster:Pop3:MaxCommandSize", "40 to 1024")]
    [InlineData("""{"Pop3":{"EnableExactRFC822Size":"yes"}}""", "MailCluster:Pop3:EnableExactRFC822Size", "true or false")]
    [InlineData("""{"Imap":{"MaxCommandSize":1023}}""", "MailCluster:Imap:MaxCommandSize", "1024 to 16384")]
    [InlineData("""{"Node":{"Name":"mx 1"}}""", "MailCluster:Node:Name", "host name")]
    [InlineData("""{"Tls":{"Certificates":[{"CertificateFile":"a.pem"}]}}""", "MailCluster:Tls:Certificates:0:KeyFile", "no default")]
    [InlineData("""{"Tls":{"SelfSignedFallback":false}}""", "MailCluster:Tls:Certificates", "certificate is needed")]
    [InlineData("""{"Accounts":{"ScramIterations":4095}}""", "MailCluster:Accounts:ScramIterations", "4096")]
    [InlineData("""{"Http":{"Endpoint":"127.0.0.1:2110"}}""", "MailCluster:Http:Endpoint", "MailCluster:Pop3:Bindings:0:Endpoint has it")]
    [InlineData("""{"Smtp":{"Bindings":[{"Name":"pop3"}]}}""", "MailCluster:Pop3:Bindings:0:Name", "no other binding has")]
    public void A_fault_names_the_key_and_what_is_allowed(string section, string key, string allowed)
    {
        var faults = Assert.Throws<ConfigurationFaultException>(() => Load(section)).Faults;

        Assert.Contains(faults, fault => fault.Key == key && fault.Allowed.Contains(allowed, StringComparison.Ordinal));
    }

    [Fact]
    public void All_faults_are_given_at_once_with_their_values()
    {
        const string Section = """{"Pop3":{"MaxLogonFailures":11,"Foo":1},"Bar":2}""";
        var thrown = Assert.Throws<ConfigurationFaultException>(() => Load(Section));

        Assert.Equal(3, thrown.Faults.Count);
        Assert.Contains("\"11\" is not allowed", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_or_not_json_is_a_fault_that_names_it()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "{ \"MailCluster\": ");

        var broken = Assert.Throws<ConfigurationFaultException>(() => ConfigurationLoader.Load(file));
        File.Delete(file);
        var absent = Assert.Throws<ConfigurationFaultException>(() => ConfigurationLoader.Load(file));

        Assert.Equal(file, Assert.Single(broken.Faults).Key);
        Assert.Equal(file, Assert.Single(absent.Faults).Key);
    }

    [Fact]
    public void A_key_beside_the_root_section_is_a_fault()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, """{ "MailCluster": {}, "Logging": {} }""");

        var thrown = Assert.Throws<ConfigurationFaultException>(() => ConfigurationLoader.Load(file));
        File.Delete(file);

        Assert.Equal("Logging", Assert.Single(thrown.Faults).Key);
    }

    [Fact]
    public void Without_a_file_the_ports_of_the_demo_are_on_both_loopbacks()
    {
        var options = Load("{}").Options;

        Assert.Equal(
            [2525, 2587, 2465, 2110, 2995, 8080],
            options.Listeners.Select(listener => listener.Endpoints[0].Port));
        Assert.All(options.Listeners, listener => Assert.Equal(
            [IPAddress.Loopback, IPAddress.IPv6Loopback], listener.Endpoints.Select(endpoint => endpoint.Address)));
        Assert.Equal(Path.Combine("./data", "admin.token"), options.Http.AdminTokenFile);
    }

    [Theory]
    [InlineData("Gateway", 5, 600, MessageRateSource.IPAddress)]
    [InlineData("Relay", 10, null, MessageRateSource.None)]
    [InlineData("Submission", 10, 600, MessageRateSource.User)]
    public void Defaults_follow_the_role(string role, int minutes, int? rate, MessageRateSource source)
    {
        var loaded = Load($$$"""{"Smtp":{"Bindings":[{"Role":"{{{role}}}"}]}}""");
        var binding = Assert.Single(loaded.Options.Smtp.Bindings);

        Assert.Equal(TimeSpan.FromMinutes(minutes), binding.ConnectionTimeout);
        Assert.Equal(rate, binding.MessageRateLimit);
        Assert.Equal(source, binding.MessageRateSource);
        Assert.Empty(loaded.Advice);
    }

    [Fact]
    public void Null_and_unlimited_are_no_limit()
    {
        var binding = Load("""{"Smtp":{"Bindings":[{"MaxInboundConnections":null,"MaxInboundConnectionPerSource":"unlimited"}]}}""")
            .Options.Smtp.Bindings[0];

        Assert.Null(binding.MaxInboundConnections);
        Assert.Null(binding.MaxInboundConnectionPerSource);
    }

    [Fact]
    public void The_environment_wins_over_the_file()
    {
        var configuration = new ConfigurationBuilder()
            .AddJsonStream(Json("""{"Smtp":{"Bindings":[{"MaxHopCount":7,"MaxRecipientsPerMessage":150}]}}"""))
            .AddInMemoryCollection(
                new Dictionary<string, string?> { ["MailCluster:Smtp:Bindings:0:MaxHopCount"] = "9" })
            .Build();

        var binding = ConfigurationLoader.Load(configuration, null, null).Options.Smtp.Bindings[0];

        Assert.Equal(9, binding.MaxHopCount);
        Assert.Equal(150, binding.MaxRecipientsPerMessage);
    }

    [Fact]
    public void Port_0_may_stand_twice()
    {
        var options = Load("""{"Smtp":{"Bindings":[{"Endpoint":"127.0.0.1:0"},{"Name":"b","Endpoint":"127.0.0.1:0"}]}}""").Options;

        Assert.All(options.Smtp.Bindings, binding => Assert.Equal(0, Assert.Single(binding.Endpoints).Port));
    }

    [Theory]
    [InlineData("""{"Smtp":{"Bindings":[{"ConnectionTimeout":"00:30:00"}]}}""", "OXSMTP-EV-03")]
    [InlineData("""{"Smtp":{"Bindings":[{"ConnectionInactivityTimeout":"00:00:59"}]}}""", "RFC 5321 §4.5.3.2.7")]
    [InlineData("""{"Pop3":{"MaxCommandSize":254}}""", "CAPA")]
    public void What_the_standards_do_not_ask_for_is_advice(string section, string advice) =>
        Assert.Contains(advice, Assert.Single(Load(section).Advice), StringComparison.Ordinal);

    [Fact]
    public void Every_key_that_is_not_in_force_exists()
    {
        var keys = ConfigurationLoader.Describe().Select(definition => definition.Key).ToHashSet();

        Assert.All([.. NotInForce.Keys, .. NotInForce.OfLoneNode], entry => Assert.Contains(
            entry.Key.Replace("[]", "", StringComparison.Ordinal),
            keys.Select(key => key.Replace("[]", "", StringComparison.Ordinal))));
    }

    [Fact]
    public void On_PostgreSql_all_of_the_cluster_is_in_force_and_its_port_is_named()
    {
        var loaded = Load("""
            {"Store":{"Kind":"PostgreSql","ConnectionString":"Host=db"},"Cluster":{"Endpoint":"127.0.0.5:7000"}}
            """);

        Assert.Empty(loaded.NotInForce);
        Assert.Equal("127.0.0.5:7000", loaded.Options.AdvertisedAddress);
        Assert.Contains(loaded.Options.Listeners, listener => listener.Name == "cluster");
    }

    [Theory]
    [InlineData("""{}""", "MailCluster:Store:ConnectionString", "Host=")]
    [InlineData("""{}""", "MailCluster:Node:AdvertisedAddress", "may be left out when Cluster.Endpoint names an address")]
    [InlineData("""{"AdvertisedAddress":"mx1"}""", "MailCluster:Node:AdvertisedAddress", "host:port")]
    [InlineData("""{"AdvertisedAddress":"::1:7000"}""", "MailCluster:Node:AdvertisedAddress", "IPv6 in brackets")]
    [InlineData("""{"AdvertisedAddress":"mx1:0"}""", "MailCluster:Node:AdvertisedAddress", "host:port")]
    public void What_a_cluster_needs_is_asked_for(string node, string path, string allowed)
    {
        var faults = Assert.Throws<ConfigurationFaultException>(
            () => Load($$$"""
                {"Node":{{{node}}},"Store":{"Kind":"PostgreSql"}}
                """)).Faults;

        Assert.Contains(faults, fault => fault.ToString().Contains(path, StringComparison.Ordinal)
            && fault.ToString().Contains(allowed, StringComparison.Ordinal));
    }

    [Fact]
    public void Mutual_tls_needs_its_three_files()
    {
        var faults = Assert.Throws<ConfigurationFaultException>(() => Load("""
            {"Store":{"Kind":"PostgreSql","ConnectionString":"Host=db"},
            "Cluster":{"Endpoint":"127.0.0.5:7000","MutualTls":true,"CaFile":"ca.pem"}}
            """)).Faults;

        Assert.Equal(2, faults.Count);
        Assert.All(
            faults, fault => Assert.Contains("MailCluster:Cluster:", fault.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void The_documentation_is_what_the_program_prints() =>
        GeneratedDocument.AssertIs("configuration.md", Commands.ConfigurationDocument.Write());

    private static LoadedConfiguration Load(string section) =>
        ConfigurationLoader.Load(new ConfigurationBuilder().AddJsonStream(Json(section)).Build(), null, null);

    private static MemoryStream Json(string section) =>
        new(Encoding.UTF8.GetBytes($$$"""{"MailCluster":{{{section}}}}"""));
}
