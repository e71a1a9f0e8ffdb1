using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Monitoring;

public sealed partial class MonitoringTests
{
    private const string Folder = "deploy/prometheus";

    private static readonly JsonObject Dashboard =
        JsonNode.Parse(Repository.Read("deploy/grafana/dashboards/mailcluster.json"))!.AsObject();

    private static IEnumerable<string> AlertExpressions => YamlText.Document(Repository
        .Read($"{Folder}/mailcluster.rules.yml"))
        ["groups"].Items().SelectMany(group => group["rules"].Items()).Select(rule => rule["expr"].Text());

    private static IEnumerable<JsonObject> Panels =>
        Dashboard["panels"].Items().Select(panel => panel.AsObject()).Where(panel => panel["type"].Text() != "row");

    private static IEnumerable<string> PanelExpressions =>
        Panels.SelectMany(panel => panel["targets"].Items()).Select(target => target["expr"].Text());

    [Theory]
    [InlineData("check", "config", "prometheus.yml")]
    [InlineData("check", "rules", "mailcluster.rules.yml")]
    [InlineData("test", "rules", "mailcluster.rules.test.yml")]
    public async Task Promtool_finds_nothing_wrong(string verb, string what, string file)
    {
        var result = await Tool.RunAsync("promtool", verb, what, $"{Folder}/{file}");

        Assert.True(result.ExitCode == 0, result.Output);
        Assert.Contains("SUCCESS", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_expression_of_the_dashboard_is_one_that_prometheus_reads()
    {
        var rules = PanelExpressions
            .Select(text => text.Replace("$__rate_interval", "5m", StringComparison.Ordinal))
            .Select(text => text.Replace("$instance", ".*", StringComparison.Ordinal))
            .Select((text, index) => $"  - record: panel:n{index}\n    expr: '{text}'\n").ToList();
        Assert.InRange(rules.Count, 40, 200);
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, "groups:\n- name: panels\n  rules:\n" + string.Concat(rules));
            var result = await Tool.RunAsync("promtool", "check", "rules", file);

            Assert.True(result.ExitCode == 0, result.Output);
            Assert.Contains($"{rules.Count} rules found", result.Output, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Every_metric_that_a_panel_or_an_alert_names_exists()
    {
        var known = ProgramMetrics.Read();
        var named = PanelExpressions.Concat(AlertExpressions).SelectMany(text => Metric().Matches(text))
            .Select(match => match.Value).Distinct().Where(name => !known.Contains(name)).Order();

        Assert.Equal([], named);
    }

    [Fact]
    public void Every_label_that_a_panel_or_an_alert_names_is_one_that_the_program_gives()
    {
        var given = ProgramMetrics.Labels();
        var named = PanelExpressions.Concat(AlertExpressions).SelectMany(text => Grouping().Matches(text)
                .SelectMany(match => match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
                .Concat(Matcher().Matches(text).Select(match => match.Groups[1].Value)))
            .Distinct().Except(["instance", "job", "le"]).ToList();

        Assert.InRange(named.Count, 5, 100);
        Assert.All(named, label => Assert.Contains(label, given));
    }

    [Fact]
    public void A_counter_is_only_ever_looked_at_as_a_rate() => Assert.All(
        PanelExpressions.Concat(AlertExpressions).SelectMany(text => Counter().Matches(text)),
        match => Assert.Matches("(rate|increase)\\($", match.Groups[1].Value));

    [Fact]
    public void Panels_have_their_own_ids_and_places_and_the_provisioned_source()
    {
        var all = Dashboard["panels"].Items().ToList();
        Assert.Equal(all.Count, all.Select(panel => panel["id"]!.GetValue<int>()).Distinct().Count());
        var source = Assert.Single(YamlText.Document(
            Repository.Read("deploy/grafana/provisioning/datasources/prometheus.yml"))["datasources"].Items());
        Assert.All(Panels.Concat(Panels.SelectMany(panel => panel["targets"].Items())),
            part => Assert.Equal(source["uid"].Text(), part["datasource"]!["uid"].Text()));
        Assert.Equal("http://prometheus:9090", source["url"].Text());
        var taken = new HashSet<(int X, int Y)>();
        foreach (var place in all.Select(panel => panel["gridPos"]!))
        {
            int x = place["x"]!.GetValue<int>(), y = place["y"]!.GetValue<int>();
            for (var cell = 0; cell < place["w"]!.GetValue<int>() * place["h"]!.GetValue<int>(); cell++)
            {
                var (down, right) = Math.DivRem(cell, place["w"]!.GetValue<int>());
                Assert.True(taken.Add((x + right, y + down)), "two panels on one place");
                Assert.InRange(x + right, 0, 23);
            }
        }
    }

    [Fact]
    public void Prometheus_scrapes_and_grafana_reads_where_the_compose_file_puts_them()
    {
        var compose = YamlText.Document(Repository.Read("docker-compose.yml"))["services"]!;
        var scrape = YamlText.Document(Repository.Read($"{Folder}/prometheus.yml"))["scrape_configs"]![0]!;
        Assert.Equal(["node1:8080", "node2:8080", "node3:8080"],
            scrape["static_configs"]![0]!["targets"].Items().Select(item => item.Text()));
        Assert.Equal("mailcluster", scrape["job_name"].Text());
        var folder = YamlText.Document(Repository.Read("deploy/grafana/provisioning/dashboards/mailcluster.yml"))
            ["providers"]![0]!["options"]!["path"].Text();
        Assert.Contains($"./deploy/grafana/dashboards:{folder}:ro",
            compose["grafana"]!["volumes"].Items().Select(item => item.Text()));
        Assert.Contains("./deploy/prometheus:/etc/prometheus:ro",
            compose["prometheus"]!["volumes"].Items().Select(item => item.Text()));
        Assert.Contains("--config.file=/etc/prometheus/prometheus.yml",
            compose["prometheus"]!["command"].Items().Select(item => item.Text()));
    }

    [GeneratedRegex("\\b(mailcluster|process|dotnet)_[a-z0-9_]+")]
    private static partial Regex Metric();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex("[{,]([a-z_]+)(?:=|!=|=~|!~)\"")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"(\w*\(?)\b(?:mailcluster|process|dotnet)_[a-z0-9_]+_(?:total|bucket|sum|count)\b")]
    private static partial Regex Counter();
}
