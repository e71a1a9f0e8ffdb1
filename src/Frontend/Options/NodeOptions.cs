using System.Collections.Immutable;
using System.Net;

namespace MailCluster.Frontend.Options;

/// <param name="Name">Host name in greetings and Received:, unique in the cluster.</param>
/// <param name="AdvertisedAddress">host:port where other nodes reach this one; a cluster's only.</param>
public sealed record NodeOptions(string Name, string DataDirectory, string? AdvertisedAddress, TimeSpan DrainTimeout)
{
    internal static NodeOptions Read(OptionReader reader, string hostName)
    {
        var name =
            reader.Text("Name", hostName, "Unique in the cluster; stands in greetings and Received:.", "the host name");
        if (name.AsSpan().ContainsAnyExcept(NameCharacters))
        {
            reader.Fault("Name", "letters, digits, hyphens and dots: it is sent as a host name (RFC 5321 §4.1.2)");
        }

        return new(
            name,
            reader.Text("DataDirectory", "./data",
                "Store, certificate, tokens; one process at a time. Relative to the working directory."),
            reader.OptionalText("AdvertisedAddress",
                "host:port where other nodes reach this one. null: the first address of Cluster.Endpoint, when it is one."),
            reader.Duration("DrainTimeout", TimeSpan.FromMinutes(11), TimeSpan.Zero, TimeSpan.FromDays(1),
                "How long a stopping node lets sessions finish: one minute more than the longest ConnectionTimeout, so that no transaction is cut."));
    }

    private static readonly System.Buffers.SearchValues<char> NameCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
}

public sealed record StoreOptions(StoreKind Kind, string ConnectionString)
{
    internal static StoreOptions Read(OptionReader reader) => new(
        reader.Choice("Kind", StoreKind.Sqlite, "Sqlite: one node, nothing to set up. PostgreSql: a cluster."),
        reader.OptionalText("ConnectionString", "PostgreSql only.", "") ?? "");
}

/// <summary>One certificate, picked by the name that the client asks for (RFC 6066 §3).</summary>
public sealed record CertificateOptions(ImmutableArray<string> Names, string CertificateFile, string KeyFile)
{
    internal static CertificateOptions Read(OptionReader reader)
    {
        foreach (var key in (ReadOnlySpan<string>)["CertificateFile", "KeyFile"])
        {
            if (!reader.IsSet(key))
            {
                reader.Fault(key, "a file; there is no default");
            }
        }

        return new(
            reader.Texts("Names", [], "Host names (\"*.example.test\" too); empty: those in the certificate."),
            reader.Text("CertificateFile", "", "PEM, leaf first, then its chain; read again when it changes.",
                "none: it must be given"),
            reader.Text("KeyFile", "", "PEM, not encrypted.", "none: it must be given"));
    }
}

public sealed record TlsOptions(ImmutableArray<CertificateOptions> Certificates, bool SelfSignedFallback)
{
    internal static TlsOptions Read(OptionReader reader) => new(
        reader.Sections("Certificates", "[]", "The first one serves clients that name no host or an unknown one.", [],
            CertificateOptions.Read),
        reader.Flag("SelfSignedFallback", true,
            "Without a certificate make a self-signed one in the data directory: TLS without trust beats none. "
                + "false: no certificate is an error at start."));
}

/// <summary>When a node takes less, or nothing new.</summary>
/// <param name="MaxProcessMemory">Null: 85 % of the container's or machine's limit.</param>
/// <param name="MaxTurnDelay">Zero: connections may wait as long as they do, and are let in at once.</param>
/// <param name="MaxCommitDelay">Zero: messages may wait as long as they do.</param>
public sealed record BackPressureOptions(
    long MinFreeDisk, long? MaxProcessMemory, TimeSpan MaxTurnDelay = default, TimeSpan MaxCommitDelay = default)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    internal static BackPressureOptions Read(OptionReader reader) => new(
        reader.Size("MinFreeDisk", 1024 * 1024 * 1024, 0, long.MaxValue,
            "Less than that free on the data directory's file system: new mail gets 452 4.3.1 (OXSMTP-EV-12) until 110 % are free; "
                + "room to drain and to delete. Pages that the store fills again count as free, up to half of it. 0: never short."),
        reader.SizeLimit("MaxProcessMemory", null, 64 * 1024 * 1024, long.MaxValue,
            "More resident memory than that: the same, until 95 % of it. null: 85 % of the least limit of the container, of those "
                + "around it and of the machine. Besides, and always: 94 % used of any of these, by all processes."),
        reader.Duration("MaxTurnDelay", Second / 20, TimeSpan.Zero, 60 * Second,
            "New connections wait longer than that for a fifth of a second on end: more comes than the processor can do. New ones of "
                + "gateway bindings are answered 421 4.3.2 at once, and those of users (submission, relay, POP3) too when they wait four times as long. "
                + "Who is connected goes on; while that takes longer than a fifth of it, new connections wait for their turn, users first. 0: never."),
        reader.Duration("MaxCommitDelay", Second, TimeSpan.Zero, 60 * Second,
            "Messages wait longer than that for their commit for a second on end: the store is slow. New connections of gateway bindings "
                + "are answered 421 4.3.2. Users are not: they wait, or hear 451 4.3.0 when the lane of the store is full. 0: never."));
}

/// <summary>PostgreSQL only.</summary>
public sealed record ClusterOptions(
    ImmutableArray<IPEndPoint> Endpoints, TimeSpan LeaseDuration, bool MutualTls, string? CertificateFile,
    string? KeyFile, string? CaFile)
{
    internal static ClusterOptions Read(OptionReader reader) => new(
        reader.Endpoints("Endpoint", "0.0.0.0:7000", "Where other nodes connect."),
        reader.Duration("LeaseDuration", TimeSpan.FromSeconds(2.5), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5),
            "How long a silent node keeps its shards: the shortest that ordinary pauses do not break."),
        reader.Flag("MutualTls", false, "Links between nodes under TLS with certificates on both sides."),
        reader.OptionalText("CertificateFile", "For MutualTls."),
        reader.OptionalText("KeyFile", "For MutualTls."),
        reader.OptionalText("CaFile", "For MutualTls."));
}

/// <summary>Where /metrics, /health and the admin API are.</summary>
public sealed record HttpOptions(ImmutableArray<IPEndPoint> Endpoints, string AdminTokenFile)
{
    internal static HttpOptions Read(OptionReader reader, string dataDirectory) => new(
        reader.Endpoints("Endpoint", "127.0.0.1:8080,[::1]:8080",
            "/metrics, /health/live, /health/ready, /openapi/v1.json, /admin/v1. Loopback, because it is not under TLS."),
        reader.Text("AdminTokenFile", Path.Combine(dataDirectory, "admin.token"),
            "The admin API's bearer token: made at first start, mode 0600.", "admin.token in Node.DataDirectory"));
}

public sealed record LogOptions(LogLevel Level, LogFormat Format, int MaxQueuedLines)
{
    internal static LogOptions Read(OptionReader reader) => new(
        reader.Choice("Level", LogLevel.Information,
            "One line per ended connection at Information; what clients do wrong at Debug."),
        reader.Choice("Format", LogFormat.Auto,
            "Text is for people, Json (an object per line, with each field under its name) for collectors; Auto: Text on a terminal only."),
        reader.Number("MaxQueuedLines", 8192, 16, 1_048_576,
            "Lines that wait for the output; beyond it Debug is dropped first and the number of dropped lines is said."));
}
