using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>A start that cannot succeed says why, ends with a code other than 0 and leaves nothing behind.</summary>
public sealed class StartTests
{
    [Fact]
    public void A_port_in_use_is_named()
    {
        using Workplace workplace = new();
        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        string endpoint = other.LocalEndpoint.ToString()!;
        settings.Gateway["Endpoint"] = endpoint;

        ToolResult result = Node.Refused(settings);

        AssertRefused(result, endpoint, "in use");
    }

    [Fact]
    public void A_data_directory_that_another_process_has_is_refused_and_the_other_goes_on()
    {
        using Workplace workplace = new();
        using Workplace second = new();
        using Node node = Node.Start(new NodeSettings(workplace));
        NodeSettings intruder = new(second) { SeedUsers = 0 };
        intruder.Root["Node"]!["DataDirectory"] = workplace.DataDirectory;

        ToolResult result = Node.Refused(intruder);

        AssertRefused(result, workplace.DataDirectory, "in use by process");
        node.Deliver(1, "Subject: still here\r\n\r\nbody\r\n");
        Assert.Single(node.Mailbox(1));
    }

    [Fact]
    public void A_data_directory_that_cannot_be_written_is_named()
    {
        Tool.RequireRoot();
        Tool.Require("setpriv");
        using Workplace workplace = new();
        Directory.CreateDirectory(workplace.DataDirectory);
        Tool.Run("chmod", "000", workplace.DataDirectory);
        Tool.Run("chmod", "777", workplace.Folder);
        NodeSettings settings = new(workplace)
        {
            SeedUsers = 0,
            Wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"],
        };
        Reachable(Path.GetDirectoryName(settings.Program)!);

        ToolResult result = Node.Refused(settings);

        AssertRefused(result, workplace.DataDirectory, "denied");
        Assert.Empty(Directory.EnumerateFileSystemEntries(workplace.DataDirectory));
    }

    [Theory]
    [InlineData("not a certificate", "cert.pem")]
    [InlineData(null, "cert.pem")]
    public void A_bad_certificate_file_is_named(string? content, string named)
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        string certificate = workplace.File("cert.pem");
        if (content is not null)
        {
            workplace.Write("cert.pem", content);
        }

        workplace.Write("key.pem", "not a key");
        settings.Root["Tls"] = new JsonObject
        {
            ["Certificates"] = new JsonArray(new JsonObject
            {
                ["Names"] = new JsonArray("mail.example.test"),
                ["CertificateFile"] = certificate,
                ["KeyFile"] = workplace.File("key.pem"),
            }),
        };

        ToolResult result = Node.Refused(settings);

        AssertRefused(result, named);
    }

    [Theory]
    [InlineData("Smtp", """{ "Bindngs": [] }""", "MailCluster:Smtp:Bindngs")]
    [InlineData("Pop3", """{ "MaxCommandSize": 39 }""", "MailCluster:Pop3:MaxCommandSize", "39", "40", "1024")]
    [InlineData("Pop3", """{ "LoginType": "Sometimes" }""", "MailCluster:Pop3:LoginType", "Sometimes", "SecureLogin")]
    [InlineData("Smtp", """{ "Bindings": [ { "Endpoint": "127.0.0.1" } ] }""", "MailCluster:Smtp:Bindings:0:Endpoint", "127.0.0.1")]
    [InlineData("Smtp", """{ "Bindings": [ { "Name": "a", "Endpoint": "127.0.0.1:2999" }, { "Name": "b", "Endpoint": "127.0.0.1:2999" } ] }""", "127.0.0.1:2999")]
    public void A_configuration_error_names_the_key_the_value_and_what_is_allowed(
        string section, string json, params string[] named)
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        settings.Root[section] = JsonNode.Parse(json);

        ToolResult result = Node.Refused(settings);

        AssertRefused(result, named);
        Assert.False(Directory.Exists(workplace.DataDirectory),
            "A data directory was made for a configuration that cannot be used.");
        ToolResult check =
            Tool.Try(Programs.MailCluster, null, "check-config", "--config", settings.WriteConfiguration());
        AssertRefused(check, named);
    }

    [Fact]
    public void A_disk_without_room_is_an_error_at_start()
    {
        Tool.RequireRoot();
        using Workplace workplace = new();
        using SmallDisk disk = new(workplace, "256k");
        NodeSettings settings = new(workplace) { SeedUsers = 0 };
        settings.Root["Node"]!["DataDirectory"] = disk.Folder;
        disk.FillUp();

        ToolResult result = Node.Refused(settings);

        AssertRefused(result, disk.Folder);
    }

    [Fact]
    public void The_same_data_directory_serves_after_a_refused_start()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace);
        using (Node first = Node.Start(settings))
        {
            first.Deliver(1, "Subject: kept\r\n\r\nbody\r\n");
            Assert.Equal(0, first.Stop());
        }

        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        JsonNode endpoint = settings.Gateway["Endpoint"]!.DeepClone();
        settings.Gateway["Endpoint"] = other.LocalEndpoint.ToString();
        Assert.NotEqual(0, Node.Refused(settings).ExitCode);

        settings.Gateway["Endpoint"] = endpoint;
        using Node again = Node.Start(settings);
        Assert.Single(again.Mailbox(1));
    }

    private static void AssertRefused(ToolResult result, params string[] named)
    {
        Assert.NotEqual(0, result.ExitCode);
        // without the log
        string message = string.Join('\n', result.Output.Split('\n').Where(line => !line.StartsWith('{')));
        foreach (string word in named)
        {
            Assert.Contains(word, message, StringComparison.OrdinalIgnoreCase);
        }

        // A clear message is one that was written for an administrator.
        Assert.DoesNotContain("   at ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled exception", message, StringComparison.Ordinal);
    }

    /// <summary>
    /// The program must be readable for the user it is started as; a checkout in a private folder is not.
    /// </summary>
    private static void Reachable(string folder) =>
        Assert.SkipWhen(
            Tool.Try("setpriv", null, "--reuid=65534", "--regid=65534", "--clear-groups", "test", "-x", folder)
                .ExitCode != 0,
            $"{folder} is not open to others");
}
