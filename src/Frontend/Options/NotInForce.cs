using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

/// <summary>A key, or one value of a key, that is accepted and does nothing yet.</summary>
/// <param name="Key">A definition's key; it covers every key below it.</param>
/// <param name="Value">Only this value of the key; null: all.</param>
/// <param name="Waits">What it waits for.</param>
public sealed record NotInForceKey(string Key, string? Value, string Waits);

/// <summary>
/// The one list of what is accepted ahead of its feature. A feature that is built takes its line out.
/// </summary>
public static class NotInForce
{
    public static readonly ImmutableArray<NotInForceKey> Keys =
    [
        new("Node.AdvertisedAddress", null, "cluster"),
        new("Store.Kind", "PostgreSql", "cluster; serve refuses it"),
        new("Store.ConnectionString", null, "cluster"),
        new("Imap", null, "IMAP"),
        new("Cluster", null, "cluster"),
    ];

    /// <summary>Null when the key, with this value, is in force.</summary>
    public static NotInForceKey? Find(string definition, string? value) => Keys.FirstOrDefault(entry =>
        (definition == entry.Key || definition.StartsWith(entry.Key + ".", StringComparison.Ordinal)
            || definition.StartsWith(entry.Key + "[", StringComparison.Ordinal))
        && (entry.Value is null || entry.Value.Equals(value, StringComparison.OrdinalIgnoreCase)));
}
