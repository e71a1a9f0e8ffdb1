namespace MailCluster.Actors.Kernel;

/// <summary>
/// A message that must hear of it when it is dropped, because it carries an ask or a share of a commit unit.
/// </summary>
public interface IUndeliverable
{
    /// <summary>
    /// Called once for a message that no turn will complete; on the teller's thread when it was refused, else within
    /// the actor's turn. It answers the asker and returns.
    /// </summary>
    void Undelivered(AskFailure why);
}
