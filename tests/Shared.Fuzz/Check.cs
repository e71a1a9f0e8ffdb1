namespace MailCluster.Shared.Fuzz;

/// <summary>What a target promises of every input.</summary>
internal static class Check
{
    public static void That(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException("Broken: " + what);
        }
    }
}
