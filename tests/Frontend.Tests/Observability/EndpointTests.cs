using System.Diagnostics;
using System.Net;
using System.Text.Json;
using MailCluster.Frontend.Observability;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Observability;

public sealed class EndpointTests(RunningNode node) : IClassFixture<RunningNode>
{
    [Fact]
    public async Task Metrics_pass_promtool_without_a_complaint()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess || File.Exists("/usr/bin/promtool"),
            "promtool is not installed, and only root can install it");
        using var client = new HttpClient { BaseAddress = node.Url };
        using var answer = await client.GetAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType?.ToString());

        using var promtool = Process.Start(new ProcessStartInfo("promtool", "check metrics")
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        await promtool.StandardInput.WriteAsync(
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        promtool.StandardInput.Close();
        var said = await promtool.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            + await promtool.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await promtool.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal("", said);
        Assert.Equal(0, promtool.ExitCode);
    }

    [Fact]
    public async Task The_documentation_of_metrics_is_what_the_program_prints() =>
        GeneratedDocument.AssertIs("metrics.md", await Commands.MetricsDocument.WriteAsync());

    [Fact]
    public async Task A_serving_node_is_live_and_ready()
    {
        using var client = new HttpClient { BaseAddress = node.Url };

        using var live = await client.GetAsync("/health/live", TestContext.Current.CancellationToken);
        using var ready = await client.GetAsync("/health/ready", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        using var json =
            JsonDocument.Parse(await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("ready", json.RootElement.GetProperty("status").GetString());
    }

    [Fact]
    public async Task A_draining_node_is_live_but_not_ready_and_says_why()
    {
        await using var draining = new RunningNode();
        await draining.InitializeAsync();
        draining.Node.Services.GetRequiredService<NodeStatus>().Drain();
        using var client = new HttpClient { BaseAddress = draining.Url };

        using var live = await client.GetAsync("/health/live", TestContext.Current.CancellationToken);
        using var ready = await client.GetAsync("/health/ready", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        using var json =
            JsonDocument.Parse(await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(
            "the node drains", Assert.Single(json.RootElement.GetProperty("reasons").EnumerateArray()).GetString());
    }
}
