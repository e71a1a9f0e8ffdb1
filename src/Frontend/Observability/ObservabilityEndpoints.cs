using System.Text.Json.Serialization;

namespace MailCluster.Frontend.Observability;

/// <param name="Status">"live", "ready", "degraded" or "not ready".</param>
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
                var (isReady, report) = Readiness(status);
                return Results.Json(report, HealthJson.Default.HealthReport, statusCode: isReady ? 200 : 503);
            })
            .WithTags("Health").WithName("ready").WithSummary("Whether new connections should come to this node")
            .WithDescription(
                "503 with the reasons while the node starts or drains and while the store takes no writes. 200 with status "
                    + "\"degraded\" and the reason while disk or memory is short (new mail gets 452 4.3.1, POP3 is served), and while "
                    + "more comes than the node can do (new connections are turned away, open ones go on). 200 with "
                    + "reasons says which settings of the database may lose acknowledged mail.")
            .Produces<HealthReport>()
            .Produces<HealthReport>(StatusCodes.Status503ServiceUnavailable);
    }

    private static (bool IsReady, HealthReport Report) Readiness(NodeStatus status) =>
        status.Reasons is { Count: > 0 } reasons ? (false, new("not ready", reasons))
        : status.Shortages is { Count: > 0 } shortages ? (true, new("degraded", shortages))
        : (true, new("ready", status.Advice));
}
