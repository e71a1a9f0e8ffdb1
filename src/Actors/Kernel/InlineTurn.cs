namespace MailCluster.Actors.Kernel;

/// <summary>
/// Whether this thread is in a turn that a teller runs itself (<see cref="ActorOptions.RunsInline"/>). Turns within
/// that turn go to the pool, so that actors that tell each other do not pile up on one stack.
/// </summary>
internal static class InlineTurn
{
    [ThreadStatic]
    private static bool t_isRunning;

    public static bool IsRunning
    {
        get => t_isRunning;
        set => t_isRunning = value;
    }
}
