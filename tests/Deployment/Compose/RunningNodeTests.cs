using System.Globalization;
using System.Net;
using MailCluster.Deployment.Documents;
using MailCluster.Deployment.Kubernetes;
using MailCluster.Frontend;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Deployment.Compose;

/// <summary>
/// A real node with the configuration that the deployments give it (on SQLite and on ports that the system chose)
/// answers
/// what they ask it.
/// </summary>
public sealed class RunningNodeTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mailcluster-deploy-");
    private Node? _node;

    private int Port => _node!.Listeners.First(listener => listener.Binding == "http").Endpoint.Port;

    public async ValueTask InitializeAsync()
    {
        var overlay = new Overlay("dev");
        var environment = overlay.Environment().Where(pair =>
            !pair.Key.Contains("Store", StringComparison.Ordinal)).ToList();
        environment.Add(new("MailCluster__Store__Kind", "Sqlite"));
        environment.Add(new("MailCluster__Node__DataDirectory", _directory.FullName));
        environment.Add(new("MailCluster__BackPressure__MinFreeDisk", "0"));
        environment.Add(new("MailCluster__Http__Endpoint", "127.0.0.1:0"));
        environment.AddRange(Enumerable.Range(0, 3).Select(
            index => KeyValuePair.Create($"MailCluster__Smtp__Bindings__{index}__Endpoint", "127.0.0.1:0")));
        environment.AddRange(Enumerable.Range(0, 2).Select(
            index => KeyValuePair.Create($"MailCluster__Pop3__Bindings__{index}__Endpoint", "127.0.0.1:0")));
        _node = await Composition.OpenAsync(
            ProgramOptions.Load(overlay.Configuration, environment), Stream.Null, TimeProvider.System);
        await _node.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await (_node?.DisposeAsync() ?? ValueTask.CompletedTask);
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Every_probe_check_and_scrape_finds_its_path()
    {
        var container = new Overlay("prod").Container;
        var paths = new[] { "startupProbe", "livenessProbe", "readinessProbe" }
            .Select(probe => container[probe]!["httpGet"]!).ToList();
        Assert.All(paths, probe => Assert.Equal("http", probe["port"].Text()));
        var annotations = new Overlay("prod").Set["spec"]!["template"]!["metadata"]!["annotations"]!;
        Assert.Equal("8080", annotations["prometheus.io/port"].Text());
        var scrape = YamlText.Document(Repository.Read("deploy/prometheus/prometheus.yml"))["scrape_configs"]![0]!;
        using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{Port}") };
        foreach (var path in paths.Select(probe => probe["path"].Text())
            .Append(annotations["prometheus.io/path"].Text()).Append(scrape["metrics_path"].Text())
                .Append("/health/ready"))
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative),
                TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Fact]
    public async Task The_health_check_of_the_image_tells_ready_from_not_ready_and_from_nobody()
    {
        var port = Port.ToString(CultureInfo.InvariantCulture);
        Assert.Equal(0, (await Tool.RunAsync("bash", "deploy/docker/healthcheck", "/health/ready", port)).ExitCode);
        Assert.NotEqual(0, (await Tool.RunAsync("bash", "deploy/docker/healthcheck", "/health/other", port)).ExitCode);

        _node!.Services.GetRequiredService<Frontend.Observability.NodeStatus>().Drain();
        var draining = await Tool.RunAsync("bash", "deploy/docker/healthcheck", "/health/ready", port);
        Assert.Equal(1, draining.ExitCode);
        Assert.Contains("503", draining.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await Tool.RunAsync("bash", "deploy/docker/healthcheck", "/health/live", port)).ExitCode);

        await _node.DisposeAsync();
        _node = null;
        var nobody = await Tool.RunAsync("bash", "deploy/docker/healthcheck", "/health/live", port);
        Assert.NotEqual(0, nobody.ExitCode);
    }
}
