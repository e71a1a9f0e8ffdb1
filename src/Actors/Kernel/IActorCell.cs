namespace MailCluster.Actors.Kernel;

/// <summary>What a system sees of an actor or a region when it ends.</summary>
internal interface IActorCell
{
    /// <summary>Once, after <see cref="ActorSystem.IsStopping"/> has become true.</summary>
    void Stop();
}
