using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Writes the chunks of one body while it arrives. For one reader at a time; a chunk's memory belongs to the staging
/// until its task is complete.
/// </summary>
public sealed class BodyStaging(IBodyStore bodies, ICommitter committer)
{
    private bool _staged;

    public BodyId Body { get; } = bodies.NextId();

    /// <summary>
    /// Durable when committed; otherwise the body is not worth continuing.
    /// </summary>
    /// <param name="sequence">From 1.</param>
    /// <param name="chunk">At most <see cref="BodyLayout.ChunkOctets"/>; less only in the last one.</param>
    /// <param name="cancellationToken">Looked at before, not during the commit: until that has ended, the memory is
    /// read.</param>
    public async ValueTask<CommitOutcome> StageAsync(
        int sequence, ReadOnlyMemory<byte> chunk, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sequence, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(chunk.Length, BodyLayout.ChunkOctets);
        cancellationToken.ThrowIfCancellationRequested();
        var unit = new CommitUnit(1);
        unit.Contribute(committer, null, new StoreOperation.StageChunk(Body, sequence, chunk));
        var outcome = await unit.Completion;
        _staged |= outcome == CommitOutcome.Committed;
        return outcome;
    }

    /// <summary>
    /// What was staged is not wanted. Nobody waits for it, and when the lane is full the sweeper finds it later.
    /// </summary>
    public void Discard()
    {
        if (_staged)
        {
            _staged = false;
            new CommitUnit(1).Contribute(committer, null, new StoreOperation.DiscardStaged(Body));
        }
    }
}
