using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What a home tells the next one of a shard in a planned move.</summary>
internal static class ShardParting
{
    private const int ConnectionsPerPart = 500;

    /// <summary>All that is known of each holder, also that it holds nothing.</summary>
    public static ImmutableArray<Envelope> Write(KnownShard shard, ShardHome next)
    {
        var parts = ImmutableArray.CreateBuilder<Envelope>();
        var moved = New(shard, next, parts);
        var connections = 0;
        foreach (var holder in shard.Heard)
        {
            moved.Holders.Add(New(holder));
            foreach (var (source, known) in shard.Sources)
            {
                foreach (var (permit, state) in known.All)
                {
                    if (permit.Holder != holder)
                    {
                        continue;
                    }

                    if (connections++ == ConnectionsPerPart)
                    {
                        moved = New(shard, next, parts);
                        moved.Holders.Add(New(holder));
                        connections = 1;
                    }

                    RowOf(moved.Holders[^1], source, state.Binding).Held.Add(permit.Connection);
                }
            }
        }

        return moved.Holders.Count == 0 ? [] : parts.ToImmutable();
    }

    private static ShardMoved New(KnownShard shard, ShardHome next, ImmutableArray<Envelope>.Builder parts)
    {
        var moved = new ShardMoved { Shard = (uint)shard.Shard.Shard.Number, Epoch = next.Epoch };
        parts.Add(new Envelope { ShardMoved = moved });
        return moved;
    }

    private static HolderPermits New(NodePeer holder) =>
        new() { Node = holder.Id.Value, Incarnation = holder.Incarnation.Value };

    private static SourcePermits RowOf(HolderPermits holder, HomeKey source, string binding)
    {
        if (holder.Sources.Count > 0 && holder.Sources[^1] is var last && last.Binding == binding
            && HomeKey.Of(last.Subject) == source)
        {
            return last;
        }

        var row = new SourcePermits { Subject = source.ToWire(), Binding = binding };
        holder.Sources.Add(row);
        return row;
    }
}
