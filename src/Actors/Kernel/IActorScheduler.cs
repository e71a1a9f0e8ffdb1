namespace MailCluster.Actors.Kernel;

/// <summary>Where turns run.</summary>
public interface IActorScheduler
{
    /// <summary>
    /// True: everything runs on one thread in an order the scheduler chooses, so that continuations of asks have to go
    /// through <see cref="Execute"/> as well.
    /// </summary>
    bool IsDeterministic { get; }

    /// <summary>Runs the work soon, not within this call. Never blocks.</summary>
    void Execute(IThreadPoolWorkItem work);
}
