using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>What changed for this node's residents.</summary>
internal readonly record struct BookChange(ImmutableArray<ShardEpoch> Left, ImmutableArray<ShardEpoch> Arrived);

/// <summary>
/// What membership knows of shards, from whatever told it last: of two rows for one shard the one with the higher epoch
/// is the later one. One caller at a time.
/// </summary>
internal sealed class ShardBook
{
    private readonly SortedDictionary<NodeId, NodeRow> _nodes = [];
    private readonly SortedDictionary<ShardId, ShardEpoch> _leaving = [];
    private ShardRow[] _rows = [];
    private long[] _resident = [];
    private long _read;

    /// <summary>Ascending, as last known; empty before the first read.</summary>
    public ImmutableArray<ShardRow> Rows => [.. _rows];

    /// <summary>On their way out, perhaps gone already: <see cref="HomeKind.Moving"/>.</summary>
    public IReadOnlyCollection<ShardEpoch> Leaving => _leaving.Values;

    /// <summary>The version of the table that was read last.</summary>
    public long Version => _read;

    /// <returns>False: the database knows less than this node did; it was set back.</returns>
    /// <param name="isNewer">The read began after everything else that the book knows was told.</param>
    public bool Read(ClusterTable table, bool isNewer)
    {
        var isSetBack = isNewer && table.Version < _read;
        _read = table.Version;
        _nodes.Clear();
        foreach (var node in table.Nodes)
        {
            _nodes.Add(node.Id, node);
        }

        if (_rows.Length != table.Shards.Length)
        {
            _rows = [.. table.Shards];
            _resident = new long[_rows.Length];
            return true;
        }

        for (var i = 0; i < _rows.Length; i++)
        {
            isSetBack |= isNewer && table.Shards[i].Epoch < _rows[i].Epoch;
        }

        for (var i = 0; i < _rows.Length; i++)
        {
            if (isSetBack || table.Shards[i].Epoch > _rows[i].Epoch)
            {
                Set(i, table.Shards[i]);
            }
        }

        return !isSetBack;
    }

    /// <summary>What somebody says who did it.</summary>
    public void Learn(IEnumerable<ShardRow> rows)
    {
        foreach (var row in rows)
        {
            if (row.Shard.Cell == 0 && (uint)row.Shard.Number < (uint)_rows.Length
                && row.Epoch > _rows[row.Shard.Number].Epoch)
            {
                Set(row.Shard.Number, row);
            }
        }
    }

    /// <summary>From now on it is not served here.</summary>
    public void Leave(ShardEpoch shard) => _leaving[shard.Shard] = shard;

    /// <summary>
    /// It did not go, and no attempt is under way that could still move it. Residents had let go of it: it arrives
    /// anew.
    /// </summary>
    public void Stay(ShardEpoch shard)
    {
        _leaving.Remove(shard.Shard);
        _resident[shard.Shard.Number] = -1;
    }

    public int CountOf(NodePeer owner) => _rows.Count(row => row.Owner == owner);

    /// <summary>What residents were told that they have.</summary>
    public int CountResident() => _resident.Count(static epoch => epoch != 0);

    public bool IsLeaving(ShardId shard) => _leaving.ContainsKey(shard);

    /// <summary>What residents have to be told: those that went, and those that came.</summary>
    /// <param name="self">Null: this node is nobody any more, everything of it goes.</param>
    public BookChange Settle(NodePeer? self)
    {
        var left = ImmutableArray.CreateBuilder<ShardEpoch>();
        var arrived = ImmutableArray.CreateBuilder<ShardEpoch>();
        for (var i = 0; i < _rows.Length; i++)
        {
            var row = _rows[i];
            var epoch = self is not null && row.Owner == self ? row.Epoch : 0;
            if (epoch == _resident[i])
            {
                continue;
            }

            if (_resident[i] != 0)
            {
                left.Add(new ShardEpoch(row.Shard, _resident[i] < 0 ? row.Epoch : _resident[i]));
            }

            if (epoch != 0)
            {
                arrived.Add(new ShardEpoch(row.Shard, epoch));
            }

            _resident[i] = epoch;
        }

        if (self is null)
        {
            _leaving.Clear();
        }

        return new(left.ToImmutable(), arrived.ToImmutable());
    }

    /// <summary>
    /// Others are as alive as they were in the table: a node that cannot read it any more cannot tell, and asks them.
    /// </summary>
    /// <param name="isHome">False: self is lost, nothing is here.</param>
    public ShardHome[] Homes(NodePeer self, bool isHome)
    {
        var homes = new ShardHome[_rows.Length];
        for (var i = 0; i < homes.Length; i++)
        {
            homes[i] = HomeOf(_rows[i], self);
            if (!isHome && homes[i].Kind == HomeKind.Here)
            {
                homes[i] = new(HomeKind.Moving, homes[i].Epoch, default);
            }
        }

        return homes;
    }

    /// <param name="age">Since the table was read: leases have become shorter by that.</param>
    /// <returns>False: its lease has expired, it is down, or a later incarnation stands in its place.</returns>
    public bool IsAlive(NodePeer peer, TimeSpan age) => !_nodes.TryGetValue(peer.Id, out var node)
        || node.Incarnation.Value < peer.Incarnation.Value
        || (node.Peer == peer && node.State != NodeState.Down && node.LeaseLeft > age);

    /// <summary>It cannot come back: it left, or a later incarnation stands in its place.</summary>
    public bool IsGone(NodePeer peer) => _nodes.TryGetValue(peer.Id, out var node)
        && (node.Incarnation.Value > peer.Incarnation.Value || (node.Peer == peer && node.State == NodeState.Down));

    /// <summary>
    /// Who has to be claimed: owns shards without being alive, or has no lease and is not down. Ascending.
    /// </summary>
    public ImmutableArray<NodePeer> Dead(NodePeer self, TimeSpan age)
    {
        var dead = new SortedSet<NodePeer>(Comparer<NodePeer>.Create(static (one, other) =>
            one.Id != other.Id ? one.Id.CompareTo(other.Id) : one.Incarnation.CompareTo(other.Incarnation)));
        foreach (var node in _nodes.Values)
        {
            if (node.Peer != self && node.State != NodeState.Down && node.LeaseLeft <= age)
            {
                dead.Add(node.Peer);
            }
        }

        foreach (var row in _rows)
        {
            if (row.Owner is { } owner && owner != self && !IsAlive(owner, age))
            {
                dead.Add(owner);
            }
        }

        return [.. dead];
    }

    private ShardHome HomeOf(ShardRow row, NodePeer self)
    {
        if (row.Owner is not { } owner)
        {
            return new(HomeKind.Moving, row.Epoch, default);
        }

        if (owner == self)
        {
            return new(_leaving.ContainsKey(row.Shard) ? HomeKind.Moving : HomeKind.Here, row.Epoch, self);
        }

        return new(IsAlive(owner, TimeSpan.Zero) ? HomeKind.There : HomeKind.Moving, row.Epoch, owner);
    }

    private void Set(int shard, ShardRow row)
    {
        _rows[shard] = row;
        _leaving.Remove(row.Shard);
    }
}
