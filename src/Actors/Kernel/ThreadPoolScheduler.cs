namespace MailCluster.Actors.Kernel;

/// <summary>
/// The process's thread pool, by its global queue: a thread's own queue is last in, first out, where actors that tell
/// each other could keep a third one waiting. Measured, the own queue was no faster.
/// </summary>
public sealed class ThreadPoolScheduler : IActorScheduler
{
    public static ThreadPoolScheduler Instance { get; } = new();

    public bool IsDeterministic => false;

    public void Execute(IThreadPoolWorkItem work) =>
        ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
