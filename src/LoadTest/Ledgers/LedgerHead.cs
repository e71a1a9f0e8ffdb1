using System.Text.Json.Serialization;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>The first line of a ledger: all that a later check needs to log in and to recognize messages.</summary>
public sealed record LedgerHead
{
    public const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;

    public required string Run { get; init; }

    public required string Scenario { get; init; }

    public required int Users { get; init; }

    public required int Tenants { get; init; }

    public required string Name { get; init; }

    public required string Domain { get; init; }

    /// <summary>Null: made from the secret.</summary>
    public string? Password { get; init; }

    public required string Secret { get; init; }

    /// <summary>Servers want a PROXY header before all else, from POP3 clients as well.</summary>
    public bool Proxied { get; init; }

    public string? Pop3 { get; init; }

    public string? Pop3s { get; init; }

    public string? Admin { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LedgerHead))]
internal sealed partial class LedgerJson : JsonSerializerContext;
