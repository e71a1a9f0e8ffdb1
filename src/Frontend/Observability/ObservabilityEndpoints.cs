using System.Text.Json.Serialization;

namespace MailCluster.Frontend.Observability;

/// <param name="Status">"live", "ready" or "not ready".</param>
internal sealed record HealthReport(string Status, IReadOnlyList<string> Reasons);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthReport))]
internal sealed partial class HealthJson : JsonSerializerContext;

/// <summary>
/// What a scraper and an orchestrator ask; open to whoever reaches the port, which is loopback unless configured.
/// </summary>
internal static class ObservabilityEndpoints
{
    public static void MapObservability(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(
            "/metrics", (PrometheusExporter exporter) => Results.Text(exporter.Write(), PrometheusText.ContentType))
            .ExcludeFromDescription();

        routes.MapGet("/health/live", () => Results.Json(new HealthReport("live", []), HealthJson.Default.HealthReport))
            .WithTags("Health").WithName("live").WithSummary("Whether the process answers")
            .WithDescription("200 as long as the process can answer; restart it when it does not.")
            .Produces<HealthReport>();

        routes.MapGet("/health/ready", (NodeStatus status) =>
            {
                var reasons = status.Reasons;
                return reasons.Count == 0
                    ? Results.Json(new HealthReport("ready", reasons), HealthJson.Default.HealthReport)
                    : Results.Json(
                        new HealthReport("not ready", reasons), HealthJson.Default.HealthReport, statusCode: 503);
            })
            .WithTags("Health").WithName("ready").WithSummary("Whether new connections should come to this node")
            .WithDescription(
                "503 with the reasons while the node starts or drains and while the store takes no writes.")
            .Produces<HealthReport>()
            .Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
    }
}
