using System.Globalization;

namespace MailCluster.Shared.Tests;

/// <summary>Random tests print their seed when they fail, and take it from MAILCLUSTER_SEED.</summary>
internal static class Seeds
{
    public static int Next() =>
        Environment.GetEnvironmentVariable("MAILCLUSTER_SEED") is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : Random.Shared.Next();

    /// <summary>Mostly from an alphabet that matters, sometimes anything.</summary>
    public static byte[] Octets(Random random, ReadOnlySpan<byte> alphabet, int max)
    {
        var octets = new byte[random.Next(max + 1)];
        for (var i = 0; i < octets.Length; i++)
        {
            octets[i] = random.Next(20) == 0 ? (byte)random.Next(256) : alphabet[random.Next(alphabet.Length)];
        }

        return octets;
    }
}
