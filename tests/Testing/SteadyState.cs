namespace MailCluster.Testing;

/// <summary>What code allocates once it is warm.</summary>
public static class SteadyState
{
    private const int Rounds = 3;

    /// <summary>
    /// Octets that this thread allocates in the least of three rounds: a compilation or a collection may fall into one.
    /// </summary>
    public static long AllocatedBy(Action round)
    {
        var least = long.MaxValue;
        for (var i = 0; i < Rounds; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
