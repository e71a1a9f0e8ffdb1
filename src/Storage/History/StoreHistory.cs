using System.Collections.Immutable;
using System.Globalization;

namespace MailCluster.Storage.History;

/// <summary>What a store knows of its own past, and of one node's in it.</summary>
/// <param name="Place">Where the store is, for people.</param>
/// <param name="Identities">In order; the last one is the present one. Never empty.</param>
/// <param name="NodeId">Null: it has no node of this name.</param>
/// <param name="Position">Of that node; 0 when it has none.</param>
internal sealed record StoreHistory(string Place, ImmutableArray<string> Identities, int? NodeId, long Position)
{
    public const string Remedy =
        "If that is meant, stop every node and run \"mailcluster store accept-restore\" with this node's "
        + "configuration: every folder gets a new UIDVALIDITY and no unique-id is given twice. If not, bring the "
        + "right database back.";

    public string Current => Identities[^1];

    /// <summary>
    /// Null: nothing that the node remembers is missing. Otherwise what is, for the administrator. After an accepted
    /// restore what was remembered of the time before counts no more.
    /// </summary>
    public string? RefusalOf(StorePosition? remembered, string node, string directory)
    {
        if (remembered is null)
        {
            return null;
        }

        if (!Identities.Contains(remembered.History))
        {
            return $"The store {Place} is not the one that the data directory {directory} remembers: it is another "
                + $"one, or was restored from a backup of before the last accepted restore. {Remedy}";
        }

        var isOfNow = remembered.History == Current && remembered.Node == node;
        return !isOfNow || (NodeId == remembered.NodeId && Position >= remembered.Position)
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"The store {Place} has lost commits: the data directory {directory} remembers commit "
                    + $"{remembered.Position} of {remembered.At:yyyy-MM-dd HH:mm:ss}Z, the store holds {Position}. It "
                    + $"was restored from an older backup, or a standby took over that was behind. {Remedy}");
    }
}
