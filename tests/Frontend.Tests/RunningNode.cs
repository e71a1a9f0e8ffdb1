using System.Globalization;
using System.Net.Http.Headers;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace MailCluster.Frontend.Tests;

/// <summary>A whole node in this process: its own data directory, ports that the system chose.</summary>
public sealed class RunningNode : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mailcluster-test-");
    private Node? _node;

    internal Node Node => _node!;

    public string DataDirectory => Path.Combine(_directory.FullName, "data");

    public string TokenFile => Path.Combine(DataDirectory, "admin.token");

    /// <summary>Octets; 0: however full the disk of the tests is, mail is taken.</summary>
    public long MinFreeDisk { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public Uri Url => new($"http://{Node.Listeners.First(listener => listener.Binding == "http").Endpoint}");

    public async ValueTask InitializeAsync()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["MailCluster:Smtp:Bindings:0:Name"] = "gateway",
            ["MailCluster:Smtp:Bindings:0:Endpoint"] = "127.0.0.1:0,[::1]:0",
            ["MailCluster:Pop3:Bindings:0:Name"] = "pop3",
            ["MailCluster:Pop3:Bindings:0:Endpoint"] = "127.0.0.1:0",
            ["MailCluster:Http:Endpoint"] = "127.0.0.1:0",
            ["MailCluster:Node:DrainTimeout"] = "00:00:05",
            ["MailCluster:BackPressure:MinFreeDisk"] = MinFreeDisk.ToString(CultureInfo.InvariantCulture),
        }).Build();
        var options = ConfigurationLoader.Load(configuration, null, DataDirectory).Options;
        _node = await Composition.OpenAsync(options, Stream.Null, Time);
        await _node.StartAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    public HttpClient Client(string? token = null)
    {
        var client = new HttpClient { BaseAddress = Url };
        client.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", token ?? File.ReadAllText(TokenFile).Trim());
        return client;
    }
}
