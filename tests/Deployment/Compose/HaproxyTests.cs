using System.Text.RegularExpressions;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Compose;

public sealed partial class HaproxyTests
{
    private const string ConfigurationFile = "deploy/haproxy/haproxy.cfg";

    [Fact]
    public async Task Haproxy_takes_its_configuration_without_a_warning()
    {
        var result = await Tool.RunAsync("haproxy", "-c", "-f", ConfigurationFile);

        Assert.True(result.ExitCode == 0, result.Output);
        Assert.Contains("Configuration file is valid", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING", result.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Haproxy_refuses_a_configuration_with_a_typo()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(
                file, Repository.Read(ConfigurationFile).Replace("send-proxy-v2", "send-proxy-v3",
                    StringComparison.Ordinal));

            Assert.NotEqual(0, (await Tool.RunAsync("haproxy", "-c", "-f", file)).ExitCode);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Each_listener_leads_to_the_binding_of_its_name_on_all_three_nodes()
    {
        var options = ComposeNode.Options();
        var ports = options.Ports();
        var text = Repository.Read(ConfigurationFile);
        var listeners = Listener().Matches(text);
        Assert.Equal(["pop3", "pop3s", "smtp", "submission", "submissions"], listeners.Select(match =>
            match.Groups[1].Value).Order());
        foreach (Match listener in listeners)
        {
            var name = listener.Groups[1].Value;
            var port = ports[name == "smtp" ? "gateway" : name];
            Assert.Equal(port, int.Parse(listener.Groups[2].Value, System.Globalization.CultureInfo.InvariantCulture));
            Assert.Equal(
                new[] { $"node1:{port}", $"node2:{port}", $"node3:{port}" },
                Server().Matches(listener.Groups[3].Value).Select(match => match.Groups[1].Value));
        }

        Assert.Contains("option httpchk GET /health/ready", text, StringComparison.Ordinal);
        Assert.Contains($"check port {ports["http"]} ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("shutdown-sessions", text, StringComparison.Ordinal);
        // A node says goodbye itself: no timer of its own is longer than HAProxy's.
        Assert.True(options.Pop3.AuthenticatedConnectionTimeout < TimeSpan.FromMinutes(31));
        Assert.All(options.Smtp.Bindings, binding => Assert.True(binding.ConnectionTimeout < TimeSpan.FromMinutes(31)));
        Assert.Equal(2, Regex.Count(text, "timeout (client|server) 31m\n"));
    }

    [Fact]
    public void The_published_ports_are_those_that_the_standards_name()
    {
        var published = YamlText.Document(Repository.Read("docker-compose.yml"))["services"]!["haproxy"]!["ports"]
            .Items()
            .Select(item => item.Text()).Order(StringComparer.Ordinal);

        Assert.Equal(["110:2110", "25:2525", "465:2465", "587:2587", "995:2995"], published);
    }

    [GeneratedRegex(@"^listen (\S+)\n    bind :([0-9]+)\n((?:    server .*\n)+)", RegexOptions.Multiline)]
    private static partial Regex Listener();

    [GeneratedRegex(@"server \S+ (\S+)")]
    private static partial Regex Server();
}
