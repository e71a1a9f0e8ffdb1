namespace MailCluster.Simulation;

/// <summary>The run has shown that a promise does not hold.</summary>
/// <param name="invariant">I1 to I6, or what was promised else.</param>
internal sealed class InvariantBrokenException(string invariant, string what) : Exception($"{invariant}: {what}")
{
    public string Invariant => invariant;
}
