namespace MailCluster.Testing;

/// <summary>
/// The managed heap once nothing more can be collected: what tests before left to finalizers and timers would otherwise
/// go between two readings and be counted as what the code under test gave back.
/// </summary>
public static class SettledMemory
{
    private const int RoundsMax = 50;
    private const long SettledOctets = 64 * 1024;

    public static long Read()
    {
        var before = long.MaxValue;
        for (var round = 0; round < RoundsMax; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            var now = GC.GetTotalMemory(forceFullCollection: true);
            if (before - now is >= 0 and < SettledOctets)
            {
                return now;
            }

            before = now;
        }

        return before;
    }
}
