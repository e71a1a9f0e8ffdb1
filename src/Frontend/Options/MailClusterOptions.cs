using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace MailCluster.Frontend.Options;

/// <summary>
/// The whole tree, section "MailCluster". Each record's Read is the only place that knows a key, its range and its
/// default.
/// </summary>
public sealed record MailClusterOptions
{
    public required NodeOptions Node { get; init; }

    public required StoreOptions Store { get; init; }

    public required TlsOptions Tls { get; init; }

    public required SmtpOptions Smtp { get; init; }

    public required Pop3Options Pop3 { get; init; }

    public required ImapOptions Imap { get; init; }

    public required LogonOptions Accounts { get; init; }

    public required StorageQuotaOptions Quota { get; init; }

    public required BackPressureOptions BackPressure { get; init; }

    public required ClusterOptions Cluster { get; init; }

    public required HttpOptions Http { get; init; }

    public required LogOptions Log { get; init; }

    /// <summary>
    /// Every port that a node opens, in the order to open them: a listener's name for logs and the ready file, and its
    /// addresses.
    /// </summary>
    public IEnumerable<(string Key, string Name, ImmutableArray<IPEndPoint> Endpoints)> Listeners
    {
        get
        {
            for (var index = 0; index < Smtp.Bindings.Length; index++)
            {
                yield return (BindingKey("Smtp", index), Smtp.Bindings[index].Name, Smtp.Bindings[index].Endpoints);
            }

            for (var index = 0; index < Pop3.Bindings.Length; index++)
            {
                yield return (BindingKey("Pop3", index), Pop3.Bindings[index].Name, Pop3.Bindings[index].Endpoints);
            }

            for (var index = 0; index < Imap.Bindings.Length; index++)
            {
                yield return (BindingKey("Imap", index), Imap.Bindings[index].Name, Imap.Bindings[index].Endpoints);
            }

            yield return ("Http:Endpoint", "http", Http.Endpoints);
            if (Store.Kind == StoreKind.PostgreSql)
            {
                yield return ("Cluster:Endpoint", "cluster", Cluster.Endpoints);
            }
        }
    }

    /// <summary>
    /// host:port for the other nodes: what was said, else the first address of Cluster.Endpoint that is one; null:
    /// there is none.
    /// </summary>
    public string? AdvertisedAddress => Node.AdvertisedAddress ?? Cluster.Endpoints
        .FirstOrDefault(endpoint => !endpoint.Address.Equals(IPAddress.Any)
            && !endpoint.Address.Equals(IPAddress.IPv6Any) && endpoint.Port != 0)?.ToString();

    internal static MailClusterOptions Read(OptionReader reader, string hostName, string? dataDirectory)
    {
        var node = reader.Section("Node", "This node.", section => NodeOptions.Read(section, hostName));
        if (dataDirectory is not null)
        {
            node = node with { DataDirectory = dataDirectory };
        }

        return new()
        {
            Node = node,
            Store = reader.Section("Store", "Where mail is kept.", StoreOptions.Read),
            Tls = reader.Section("Tls", "Certificates of all bindings.", TlsOptions.Read),
            Smtp = reader.Section("Smtp", "Mail in.", SmtpOptions.Read),
            Pop3 = reader.Section("Pop3", "Mail out by POP3.", Pop3Options.Read),
            Imap = reader.Section("Imap", "Mail out by IMAP.", ImapOptions.Read),
            Accounts = reader.Section("Accounts", "Passwords, and logins by NTLM and Kerberos.", LogonOptions.Read),
            Quota = reader.Section("Quota", "What mailboxes may hold.", StorageQuotaOptions.Read),
            BackPressure = reader.Section("BackPressure", "When a node takes no more.", BackPressureOptions.Read),
            Cluster = reader.Section("Cluster", "Several nodes on one PostgreSQL.", ClusterOptions.Read),
            Http = reader.Section("Http", "To operate it.", section => HttpOptions.Read(section, node.DataDirectory)),
            Log = reader.Section("Log", "What is written to standard output.", LogOptions.Read),
        };
    }

    private static string BindingKey(string section, int index) =>
        string.Create(CultureInfo.InvariantCulture, $"{section}:Bindings:{index}:Endpoint");
}
