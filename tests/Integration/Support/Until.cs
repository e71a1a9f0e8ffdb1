using System.Diagnostics;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>Waits for what another process does, where nothing but looking again tells.</summary>
internal static class Until
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    public static void True(Func<bool> condition, string what, TimeSpan? longest = null)
    {
        long start = Stopwatch.GetTimestamp();
        using ManualResetEventSlim never = new(initialState: false);
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < (longest ?? Longest), $"Waited in vain: {what}");
            never.Wait(TimeSpan.FromMilliseconds(15), TestContext.Current.CancellationToken);
        }
    }
}
