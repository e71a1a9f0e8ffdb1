namespace MailCluster.Actors.Kernel;

/// <summary>
/// The process's thread pool. A first turn goes to the queue of the thread that told (its data is in that core's cache), a
/// continued one to the global queue, behind the others.
/// </summary>
public sealed class ThreadPoolScheduler : IActorScheduler
{
    public static ThreadPoolScheduler Instance { get; } = new();

    public bool IsDeterministic => false;

    public void Execute(IThreadPoolWorkItem work, bool yields) =>
        ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: !yields);
}
