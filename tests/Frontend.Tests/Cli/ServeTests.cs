using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Xunit;

namespace MailCluster.Frontend.Tests.Cli;

/// <summary>The real program as a process of its own.</summary>
public sealed class ServeTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mailcluster-serve-");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private string Data => Path.Combine(_directory.FullName, "data");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_node_serves_until_sigterm_and_ends_with_0()
    {
        await using var node = await StartAsync("--data", Data);
        using var client = new HttpClient();

        Assert.Equal(HttpStatusCode.OK,
            (await client.GetAsync($"http://{node.Http}/health/ready", Cancelled)).StatusCode);
        Assert.Equal(0, await node.StopAsync(Cancelled));
        Assert.False(File.Exists(node.ReadyFile));
    }

    [Fact]
    public async Task The_lines_of_the_demo_send_and_read_a_message_and_stay_the_same()
    {
        string[] lines;
        await using (var first = await StartAsync("--data", Data, "--demo"))
        {
            lines = await DemoLinesAsync(first);
            Assert.Equal(2, lines.Length);
            var sent = await ShellAsync(lines[0]);
            var read = await ShellAsync(lines[1]);

            Assert.Equal(0, sent.Code);
            Assert.Equal(0, read.Code);
            Assert.Contains("\r\n\r\nIt works.\r\n", read.Output, StringComparison.Ordinal);
            Assert.Equal(0, await first.StopAsync(Cancelled));
        }

        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Data, "demo.txt")));
        await using var second = await StartAsync("--data", Data, "--demo");
        var again = await DemoLinesAsync(second);
        Assert.Equal(lines[1].Split(' ')[^1], again[1].Split(' ')[^1]);
        Assert.Contains("It works.", (await ShellAsync(again[1])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Users_are_seeded_once_each_with_a_salt_of_its_own()
    {
        await using (var first = await StartAsync("--data", Data, "--seed-users", "12"))
        {
            await first.LineAsync(line => line.StartsWith("12 users were made", StringComparison.Ordinal), Cancelled);
            await first.StopAsync(Cancelled);
        }

        await using var second = await StartAsync("--data", Data, "--seed-users", "12");
        await second.LineAsync(line => line == "12 users were there already: nothing to do.", Cancelled);
        await second.StopAsync(Cancelled);

        var options = Frontend.Options.ConfigurationLoader.Load(null, Data).Options;
        await using var node = await Composition.OpenAsync(options, Stream.Null, TimeProvider.System);
        var users = await node.Store.Directory.ListAccountsAsync("example.test", null, 100, Cancelled);
        var seeded = users.Where(user => user.LocalPart.StartsWith("user", StringComparison.Ordinal)).ToList();
        Assert.Equal(12, seeded.Count);
        Assert.Equal(12, seeded.Select(user => Convert.ToHexString(user.Keys!.Salt.AsSpan())).Distinct().Count());
        Assert.True(Shared.Accounts.ScramSha256.Matches(seeded[11].Keys!, "pass0012"));
    }

    [Fact]
    public async Task A_second_node_on_the_same_data_is_refused()
    {
        await using var first = await StartAsync("--data", Data);

        var second = await RunAsync("serve", "--data", Data, "--config", Configuration());

        Assert.Equal(71, second.Code);
        Assert.Contains(Data, second.Error, StringComparison.Ordinal);
        await first.StopAsync(Cancelled);
    }

    [Fact]
    public async Task A_port_in_use_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        var result = await RunAsync("serve", "--data", Data, "--config",
            Configuration(((IPEndPoint)taken.LocalEndpoint).Port));

        Assert.Equal(71, result.Code);
        Assert.Contains(taken.LocalEndpoint.ToString()!, result.Error, StringComparison.Ordinal);
        Assert.Contains("in use", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_none_is_named()
    {
        var certificate = Path.Combine(_directory.FullName, "cert.pem");
        await File.WriteAllTextAsync(certificate, "no certificate", Cancelled);
        var config = Path.Combine(_directory.FullName, "tls.json");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            MailCluster = new { Tls = new { Certificates = new[] { new { CertificateFile = certificate,
                KeyFile = certificate } } } },
        }), Cancelled);

        var result = await RunAsync("serve", "--data", Data, "--config", config);

        Assert.Equal(71, result.Code);
        Assert.Contains(certificate, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_made_is_named()
    {
        var file = Path.Combine(_directory.FullName, "file");
        await File.WriteAllTextAsync(file, "", Cancelled);

        var result = await RunAsync("serve", "--data", Path.Combine(file, "data"), "--config", Configuration());

        Assert.Equal(71, result.Code);
        Assert.Contains(file, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_configuration_makes_nothing()
    {
        var config = Path.Combine(_directory.FullName, "wrong.json");
        await File.WriteAllTextAsync(config, """{"MailCluster":{"Foo":1}}""", Cancelled);

        var result = await RunAsync("serve", "--data", Data, "--config", config);

        Assert.Equal(78, result.Code);
        Assert.Contains("MailCluster:Foo", result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    private static async Task<string[]> DemoLinesAsync(ServingProcess node)
    {
        await node.LineAsync(line => line == "Ctrl-C stops it.", Cancelled);
        return [.. node.Output.Where(line => line.Contains("curl", StringComparison.Ordinal))];
    }

    private string Configuration(int smtpPort = 0)
    {
        var file = Path.Combine(_directory.FullName, "config.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new
        {
            MailCluster = new
            {
                Smtp = new { Bindings = new[] { new { Name = "gateway", Endpoint = $"127.0.0.1:{smtpPort}" } } },
                Pop3 = new { Bindings = new[] { new { Name = "pop3s", Endpoint = "127.0.0.1:0", Tls = "Implicit" } } },
                Http = new { Endpoint = "127.0.0.1:0" },
            },
        }));
        return file;
    }

    private Task<ServingProcess> StartAsync(params string[] arguments) =>
        ServingProcess.StartAsync(_directory.FullName, ["serve", "--config", Configuration(), .. arguments], Cancelled);

    private static async Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(ServingProcess.StartOf(arguments))!;
        return await EndOf(process);
    }

    private static async Task<(int Code, string Output, string Error)> ShellAsync(string line)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", line])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        return await EndOf(process);
    }

    private static async Task<(int Code, string Output, string Error)> EndOf(Process process)
    {
        var error = process.StandardError.ReadToEndAsync(Cancelled);
        var output = await process.StandardOutput.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        return (process.ExitCode, output, await error);
    }
}
