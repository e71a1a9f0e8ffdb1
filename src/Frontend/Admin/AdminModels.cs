using System.ComponentModel;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace MailCluster.Frontend.Admin;

/// <param name="Next">Give it as "after" for the next page; null: this was the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

public sealed record DomainView(string Name, string Tenant);

public sealed record NewDomain(
    [property: Description("Host name syntax (RFC 5321 §4.1.2), A-labels or U-labels")] string Name,
    [property: Description("The customer; made when it is new. Default: the domain's own name")] string? Tenant = null);

public sealed record UserView(
    string Address,
    [property: Description("False: no password was set, nobody can log in")] bool CanLogIn,
    bool Suspended,
    long Number);

public sealed record NewUser(
    string Address,
    [property: Description(
        "At least 1, at most 1024 characters; kept as SCRAM-SHA-256 keys only (RFC 7677)")] string Password);

public sealed record NewPassword(string Password);

public sealed record Suspension(bool Suspended);

public sealed record AliasView(string Address, IReadOnlyList<string> Targets);

public sealed record MailboxView(
    string Address,
    bool Suspended,
    long Messages,
    long Octets,
    DateTimeOffset? Oldest,
    DateTimeOffset? Newest,
    [property: Description("What it may hold; null: no bound")] long? QuotaOctets = null,
    [property: Description("Of that, rounded down; null: no bound")] long? UsedPercent = null);

public sealed record LimitView(
    [property: Description("Null: none")] long? Value,
    [property: Description("configuration, tenant, domain or mailbox")] string From);

public sealed record QuotaView(
    string Name,
    [property: Description("Octets")] LimitView Storage,
    [property: Description("Percent of the storage")] LimitView Warning,
    [property: Description("Days")] LimitView Retention,
    [property: Description("Null: of a tenant or domain")] long? UsedOctets,
    [property: Description("Of the storage, rounded down")] long? UsedPercent);

public sealed record NewLimits(
    [property: Description("Octets, also as 500M or 10G (powers of 1024); none; inherit. Absent: stays")]
    string? Storage = null,
    [property: Description("Percent of the storage from which on a notice is due, 1 to 100; none; inherit")]
    string? Warning = null,
    [property: Description("Days that messages are kept, 1 to 36500; none; inherit")] string? Retention = null);

public sealed record QueuedView(
    string Id,
    [property: Description("As the 250 and Received: named it; the same for all mailboxes of a message")]
    string Message,
    [property: Description("Empty: the null reverse-path (RFC 5321 §4.5.5)")] string Sender,
    string Recipient,
    long Octets,
    DateTimeOffset Queued,
    int Attempts,
    [property: Description("Null: given up, until somebody asks for another attempt")] DateTimeOffset? NextAttempt,
    string? LastError);

public sealed record RetriedView(long Retried);

public sealed record NodeView(
    string Name,
    [property: Description("joining, up, draining or down")] string State,
    [property: Description("Shards that it is the home of")] int Shards,
    [property: Description("Left of its lease on the database's clock; negative: it has expired")] double LeaseSeconds,
    string Address,
    string Version,
    [property: Description("The newest contract between nodes that it speaks")] int WireVersion,
    [property: Description("One start of a node; rises over the whole cluster")] long Incarnation,
    [property: Description("Between the node that answers and this one: self, up, or why not")] string Link);

public sealed record ClusterView(
    [property: Description("The same on all nodes of a database")] string Cluster,
    [property: Description("The node that answers")] string Node,
    IReadOnlyList<NodeView> Nodes,
    int Shards,
    [property: Description("Shards that are on their way to another home")] int Moving,
    [property: Description("Shards that have no home")] int Unowned);

/// <summary>
/// A client takes members that it does not know, since a node may be newer; a node refuses them (<see
/// cref="AdminEndpoints"/>).
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(Page<DomainView>))]
[JsonSerializable(typeof(Page<UserView>))]
[JsonSerializable(typeof(Page<AliasView>))]
[JsonSerializable(typeof(DomainView))]
[JsonSerializable(typeof(NewDomain))]
[JsonSerializable(typeof(UserView))]
[JsonSerializable(typeof(NewUser))]
[JsonSerializable(typeof(NewPassword))]
[JsonSerializable(typeof(Suspension))]
[JsonSerializable(typeof(AliasView))]
[JsonSerializable(typeof(MailboxView))]
[JsonSerializable(typeof(UploadAnswer))]
[JsonSerializable(typeof(MessageKeys))]
[JsonSerializable(typeof(Page<QueuedView>))]
[JsonSerializable(typeof(QueuedView))]
[JsonSerializable(typeof(RetriedView))]
[JsonSerializable(typeof(QuotaView))]
[JsonSerializable(typeof(ClusterView))]
[JsonSerializable(typeof(NewLimits))]
[JsonSerializable(typeof(ProblemDetails))]
internal sealed partial class AdminJson : JsonSerializerContext;
