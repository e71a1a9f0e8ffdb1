using Xunit;

namespace MailCluster.Tidy.Tests;

/// <summary>The places that break a rule; the failure lists every one of them.</summary>
internal static class Offences
{
    public static void None(IEnumerable<string?> offences)
    {
        List<string?> all = [.. offences];
        if (all.Count > 0)
        {
            Assert.Fail($"{all.Count}:{Environment.NewLine}{string.Join(Environment.NewLine, all)}");
        }
    }
}
