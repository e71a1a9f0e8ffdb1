namespace MailCluster.Actors.Storage;

/// <summary>
/// Nobody commits alone: a lane gathers units in order, commits what is complete at its head as one transaction with
/// one sync, and only then ends them (CommitUnit.End). A batch that fails for one
/// unit's fault is written again so that only that unit is refused.
/// </summary>
public interface ICommitter
{
    /// <summary>
    /// Takes a place at the tail. False when the lane is at its bound in octets or operations. Never blocks.
    /// </summary>
    bool TryEnqueue(CommitUnit unit);

    /// <summary>The unit, which has its place, has its last contribution. Never blocks.</summary>
    void Completed(CommitUnit unit);
}
