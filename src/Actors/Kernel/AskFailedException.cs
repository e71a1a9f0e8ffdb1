namespace MailCluster.Actors.Kernel;

/// <summary>An ask that got no reply.</summary>
public sealed class AskFailedException(AskFailure why) : Exception($"The ask got no reply: {why}.")
{
    public AskFailure Why { get; } = why;
}
