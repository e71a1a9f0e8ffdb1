namespace MailCluster.Shared.Cluster;

/// <summary>A node's place in the table of nodes; the same over restarts under one name. 1 or more.</summary>
public readonly record struct NodeId(int Value) : IComparable<NodeId>
{
    public int CompareTo(NodeId other) => Value.CompareTo(other.Value);
}

/// <summary>
/// One start of one node, strictly increasing over the whole cluster: what a dead start of a node held is told from
/// what the present one holds. 1 or more.
/// </summary>
public readonly record struct Incarnation(long Value) : IComparable<Incarnation>
{
    public int CompareTo(Incarnation other) => Value.CompareTo(other.Value);
}

/// <summary>
/// What has one home at a time: a part of the mailboxes of one cell, and in cell 0 of the sources too.
/// </summary>
/// <param name="Cell">0 until there is more than one database.</param>
/// <param name="Number">0 to <see cref="MailboxId.Shards"/> - 1.</param>
public readonly record struct ShardId(int Cell, int Number) : IComparable<ShardId>
{
    public static ShardId Of(MailboxId mailbox) => new(mailbox.Cell, mailbox.Shard);

    public int CompareTo(ShardId other) =>
        Cell != other.Cell ? Cell.CompareTo(other.Cell) : Number.CompareTo(other.Number);
}

/// <summary>
/// A shard under one owner: the epoch rises whenever the shard gets another owner, and the store takes writes of the
/// present one only (I3). A lone node has epoch 0 for ever.
/// </summary>
public readonly record struct ShardEpoch(ShardId Shard, long Epoch);

/// <summary>One start of one node, as others address it.</summary>
public readonly record struct NodePeer(NodeId Id, Incarnation Incarnation);
