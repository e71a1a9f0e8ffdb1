using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

/// <summary>A key, or one value of a key, that is accepted and does nothing yet.</summary>
/// <param name="Key">A definition's key; it covers every key below it.</param>
/// <param name="Waits">What it waits for.</param>
public sealed record NotInForceKey(string Key, string Waits);

/// <summary>
/// The one list of what is accepted ahead of its feature. A feature that is built takes its line out.
/// </summary>
public static class NotInForce
{
    public static readonly ImmutableArray<NotInForceKey> Keys = [new("Imap", "IMAP")];

    /// <summary>In force on PostgreSQL only: a lone node has nobody to be reached by.</summary>
    public static readonly ImmutableArray<NotInForceKey> OfLoneNode =
    [
        new("Node.AdvertisedAddress", Cluster),
        new("Store.ConnectionString", Cluster),
        new("Cluster", Cluster),
    ];

    private const string Cluster = "Store.Kind PostgreSql";

    /// <summary>Null when the key is in force.</summary>
    public static NotInForceKey? Find(string definition, StoreKind store) =>
        Find(Keys, definition) ?? (store == StoreKind.Sqlite ? Find(OfLoneNode, definition) : null);

    private static NotInForceKey? Find(ImmutableArray<NotInForceKey> keys, string definition) => keys.FirstOrDefault(
        entry => definition == entry.Key || definition.StartsWith(entry.Key + ".", StringComparison.Ordinal)
            || definition.StartsWith(entry.Key + "[", StringComparison.Ordinal));
}
