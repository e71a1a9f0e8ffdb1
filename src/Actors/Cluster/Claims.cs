using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// Gives shards that have no living owner to nodes that have a lease. The node with the lowest id does it; each next
/// one stands by for a little longer.
/// </summary>
internal sealed class Claims(MembershipParts parts, ShardBook book, TurnLoop loop, Action done)
{
    private readonly List<(NodePeer Dead, long Since)> _seen = [];
    private long? _unownedSince;
    private bool _isUnderWay;

    /// <param name="age">Since the table was read.</param>
    public void Begin(
        NodeLease lease, ImmutableArray<ShardMove> plan, ImmutableArray<NodePeer> takers, TimeSpan age)
    {
        var rank = takers.IndexOf(lease.Self);
        if (_isUnderWay || rank < 0)
        {
            return;
        }

        var stagger = parts.Options.ClaimStagger * rank;
        var dead = book.Dead(lease.Self, age);
        _seen.RemoveAll(seen => !dead.Contains(seen.Dead));
        foreach (var peer in dead)
        {
            // Who only missed its renewals may come back; who left or started anew does not.
            if (Since(peer) >= stagger && (lease.IsSteady || book.IsGone(peer)))
            {
                _isUnderWay = true;
                _ = ClaimAsync(lease.Self, peer, Of(plan, peer));
                return;
            }
        }

        var unowned = Of(plan, null);
        _unownedSince = unowned.IsEmpty ? null : _unownedSince ?? parts.Time.GetTimestamp();
        if (_unownedSince is { } since && parts.Time.GetElapsedTime(since) >= stagger)
        {
            _isUnderWay = true;
            _ = AssignAsync(lease.Self, unowned);
        }
    }

    private TimeSpan Since(NodePeer dead)
    {
        foreach (var seen in _seen)
        {
            if (seen.Dead == dead)
            {
                return parts.Time.GetElapsedTime(seen.Since);
            }
        }

        _seen.Add((dead, parts.Time.GetTimestamp()));
        return TimeSpan.Zero;
    }

    private static ImmutableArray<(ShardId Shard, NodePeer To)> Of(ImmutableArray<ShardMove> plan, NodePeer? owner) =>
        [.. plan.Where(move => move.From == owner).Select(move => (move.Shard, move.To))];

    private async Task ClaimAsync(NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to)
    {
        try
        {
            using var patience = parts.Patience();
            if (await parts.Store.ClaimAsync(self, dead, to, patience.Token))
            {
                parts.Metrics.Moved("claimed", to.Length);
                ClusterLog.Claimed(parts.Log, dead.Id.Value, dead.Incarnation.Value, to.Length);
            }
            else
            {
                parts.Metrics.ClaimLost();
                ClusterLog.ClaimRefused(parts.Log, dead.Id.Value);
            }
        }
        catch (Exception failure)
        {
            ClusterLog.ClaimFailed(parts.Log, dead.Id.Value, failure.Message);
        }

        loop.Post(Done);
    }

    private async Task AssignAsync(NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to)
    {
        try
        {
            using var patience = parts.Patience();
            var count = await parts.Store.AssignAsync(self, to, patience.Token);
            parts.Metrics.Moved("assigned", count);
            if (count > 0)
            {
                ClusterLog.Assigned(parts.Log, count);
            }
        }
        catch (Exception failure)
        {
            ClusterLog.AssignFailed(parts.Log, failure.Message);
        }

        loop.Post(Done);
    }

    private void Done()
    {
        _isUnderWay = false;
        done();
    }
}
