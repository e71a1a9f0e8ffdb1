using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Measuring;

namespace MailCluster.LoadTest.Reporting;

/// <summary>A run as JSON lines, each with a "kind". Durations are milliseconds.</summary>
public static class LoadJsonLines
{
    public static string Second(RunSecond second) => Write(json =>
    {
        json.WriteString("kind", "second");
        json.WriteNumber("at", Math.Round(second.At, 3));
        json.WriteNumber("connections", second.OpenConnections);
        json.WriteNumber("busy", Math.Round(second.Busy, 4));
        json.WriteNumber("lag", second.Lag / 1000.0);
        if (!double.IsNaN(second.ServerCpu))
        {
            json.WriteNumber("serverCpu", Math.Round(second.ServerCpu, 4));
            json.WriteNumber("serverMemory", second.ServerMemory);
        }

        json.WriteStartArray("clients");
        foreach (var row in second.Operations)
        {
            json.WriteStartObject();
            json.WriteString("client", row.Client);
            json.WriteNumber("arrived", row.Arrived);
            json.WriteNumber("done", row.Done);
            json.WriteNumber("failed", row.Failed);
            json.WriteNumber("open", row.InFlight);
            json.WriteNumber("octets", row.Octets);
            json.WriteNumber("p50", row.P50 / 1000.0);
            json.WriteNumber("p99", row.P99 / 1000.0);
            json.WriteNumber("max", row.Max / 1000.0);
            WriteLatencies(json, row.Latencies);
            json.WriteNumber("refused", row.Refused);
            json.WriteNumber("refusedP99", row.RefusedP99 / 1000.0);
            json.WriteNumber("refusedMax", row.RefusedMax / 1000.0);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    public static string Happened(string text) => Write(json =>
    {
        json.WriteString("kind", "happened");
        json.WriteString("text", text);
    });

    public static string Verdict(LedgerVerdict verdict) => Write(json =>
    {
        json.WriteString("kind", "verdict");
        WriteVerdict(json, verdict);
    });

    public static string End(LoadResult result) => Write(json =>
    {
        json.WriteString("kind", "end");
        json.WriteString("scenario", result.Scenario.Name);
        json.WriteString("run", result.Run);
        json.WriteString("ledger", result.LedgerPath);
        json.WriteNumber("seconds", result.Seconds.Count);
        if (!double.IsNaN(result.ServerCpuSeconds))
        {
            json.WriteNumber("serverCpuSeconds", Math.Round(result.ServerCpuSeconds, 4));
        }

        json.WriteNumber("rest", Math.Round(result.Rest.TotalSeconds, 3));
        json.WriteStartArray("clients");
        foreach (var operation in result.Operations)
        {
            json.WriteStartObject();
            json.WriteString("client", operation.Client);
            json.WriteNumber("arrived", operation.Arrived);
            json.WriteNumber("done", operation.Done);
            json.WriteNumber("failed", operation.Failed);
            json.WriteNumber("notBegun", operation.NotBegun);
            json.WriteNumber("left", operation.LeftOver);
            json.WriteNumber("octets", operation.Octets);
            foreach (var (name, share) in new[] { ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999) })
            {
                json.WriteNumber(name, operation.Latency.Percentile(share) / 1000.0);
            }

            json.WriteNumber("max", operation.Latency.Max / 1000.0);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("reasons");
        foreach (var reason in result.Reasons)
        {
            json.WriteStartObject();
            json.WriteString("client", reason.Client);
            json.WriteString("stage", reason.Stage);
            json.WriteString("reason", reason.Reason);
            json.WriteNumber("count", reason.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("bottlenecks");
        foreach (var bottleneck in result.Bottlenecks)
        {
            json.WriteStringValue(bottleneck);
        }

        json.WriteEndArray();
        if (result.Verdict is { } verdict)
        {
            json.WriteStartObject("verdict");
            WriteVerdict(json, verdict);
            json.WriteEndObject();
        }
    });

    /// <summary>[[milliseconds at most, how many], …].</summary>
    private static void WriteLatencies(Utf8JsonWriter json, ImmutableArray<(long UpTo, long Count)> latencies)
    {
        json.WriteStartArray("latencies");
        foreach (var (upTo, count) in latencies.IsDefault ? [] : latencies)
        {
            json.WriteStartArray();
            json.WriteNumberValue(upTo / 1000.0);
            json.WriteNumberValue(count);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteVerdict(Utf8JsonWriter json, LedgerVerdict verdict)
    {
        json.WriteBoolean("green", verdict.IsGreen);
        json.WriteNumber("acknowledged", verdict.Acknowledged);
        json.WriteNumber("copies", verdict.Copies);
        json.WriteNumber("found", verdict.Found);
        json.WriteNumber("removed", verdict.Removed);
        json.WriteNumber("undecided", verdict.Undecided);
        json.WriteNumber("inSpool", verdict.InSpool);
        json.WriteNumber("unacknowledged", verdict.Unacknowledged);
        json.WriteBoolean("runFinished", verdict.RunFinished);
        json.WriteNumber("findings", verdict.FindingCount);
        json.WriteStartArray("wrong");
        foreach (var finding in verdict.Findings)
        {
            json.WriteStartObject();
            json.WriteString("finding", finding.Kind.ToString());
            json.WriteString("user", finding.User);
            json.WriteNumber("number", finding.Number);
            json.WriteString("text", finding.Text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string Write(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
