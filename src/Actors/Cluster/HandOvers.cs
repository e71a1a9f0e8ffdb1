using System.Collections.Immutable;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// Gives this node's shards away, one batch at a time. A shard whose hand-over had no answer is served by nobody until
/// a later one, to whomever it be, has raised its epoch: then the first can not happen any more.
/// </summary>
internal sealed class HandOvers(MembershipParts parts, ShardBook book, TurnLoop loop, Action publish)
{
    private long _notBefore = long.MinValue;
    private bool _isUnderWay;

    /// <summary>Timestamp before which nothing is begun.</summary>
    public long NotBefore => _notBefore;

    /// <param name="plan">What is to move, of this node and others.</param>
    public void Begin(
        NodePeer self, ImmutableArray<ShardMove> plan, IShardResidents residents,
        Action<ImmutableArray<ShardRow>> moved)
    {
        if (_isUnderWay || parts.Time.GetTimestamp() < _notBefore)
        {
            return;
        }

        var isRetry = book.Leaving.Count > 0;
        var batch = isRetry ? Again(self, plan) : First(self, plan);
        if (batch.IsEmpty)
        {
            return;
        }

        _isUnderWay = true;
        _ = MoveAsync(self, batch, isRetry ? null : residents, moved);
    }

    private ImmutableArray<(ShardEpoch Shard, NodePeer To)> First(NodePeer self, ImmutableArray<ShardMove> plan)
    {
        var batch = plan.Where(move => move.From == self).Take(parts.Options.BatchShards)
            .Select(move => (new ShardEpoch(move.Shard, move.Epoch), move.To)).ToImmutableArray();
        foreach (var (shard, _) in batch)
        {
            book.Leave(shard);
        }

        if (!batch.IsEmpty)
        {
            publish();
        }

        return batch;
    }

    private ImmutableArray<(ShardEpoch Shard, NodePeer To)> Again(NodePeer self, ImmutableArray<ShardMove> plan)
    {
        var targets = plan.Where(move => move.From == self).ToDictionary(move => move.Shard, move => move.To);
        return [.. book.Leaving.Take(parts.Options.BatchShards)
            .Select(shard => (shard, targets.GetValueOrDefault(shard.Shard, self)))];
    }

    private async Task MoveAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> batch, IShardResidents? residents,
        Action<ImmutableArray<ShardRow>> moved)
    {
        var since = parts.Time.GetTimestamp();
        if (residents is not null)
        {
            await LeaveAsync(residents, [.. batch.Select(move => move.Shard)]);
        }

        try
        {
            using var patience = parts.Patience();
            var rows = await parts.Store.HandOverAsync(self, batch, patience.Token);
            loop.Post(() => Went(batch, rows, isFirst: residents is not null, since, moved));
        }
        catch (Exception failure)
        {
            loop.Post(() => Failed(batch.Length, failure));
        }
    }

    private async Task LeaveAsync(IShardResidents residents, ImmutableArray<ShardEpoch> shards)
    {
        using var patience = new CancellationTokenSource(parts.Options.LeavePatience, parts.Time);
        try
        {
            await residents.LeaveAsync(shards, patience.Token).WaitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            ClusterLog.LeftUndone(parts.Log, shards.Length, parts.Options.LeavePatience);
        }
        catch (Exception failure)
        {
            ClusterLog.Fault(parts.Log, failure);
        }
    }

    private void Went(
        ImmutableArray<(ShardEpoch Shard, NodePeer To)> batch, ImmutableArray<ShardRow> rows, bool isFirst, long since,
        Action<ImmutableArray<ShardRow>> moved)
    {
        _isUnderWay = false;
        _notBefore = parts.After(parts.Options.BatchPause);
        book.Learn(rows);
        foreach (var (shard, _) in batch)
        {
            // An answer, and no other attempt that could still be on its way.
            if (isFirst && book.IsLeaving(shard.Shard))
            {
                book.Stay(shard);
            }
        }

        parts.Metrics.HandedOver(rows.Length, parts.Time.GetElapsedTime(since));
        ClusterLog.HandedOver(parts.Log, rows.Length);
        publish();
        if (!rows.IsEmpty)
        {
            moved(rows);
        }
    }

    private void Failed(int shards, Exception failure)
    {
        _isUnderWay = false;
        _notBefore = parts.After(parts.Options.RetryAfter);
        ClusterLog.HandOverFailed(parts.Log, shards, failure.Message);
    }
}
