namespace MailCluster.Benchmarks;

/// <summary>What a setup asks before anything is measured.</summary>
internal static class Measured
{
    /// <exception cref="InvalidOperationException">A figure would be of something else.</exception>
    public static void Demand(bool isSo)
    {
        if (!isSo)
        {
            throw new InvalidOperationException("Not what was to be measured.");
        }
    }
}
