using System.Text;

namespace MailCluster.Integration.Support;

/// <summary>
/// Keytabs by hand (version 5.2): keys that nobody's ticket fits, for what a server offers by having one.
/// </summary>
internal static class Keytab
{
    /// <summary>One AES-256 key of each SERVICE/mx1.example.test@EXAMPLE.TEST.</summary>
    public static byte[] Of(params string[] services) => [5, 2, .. services.SelectMany(Entry)];

    private static byte[] Entry(string service)
    {
        byte[] entry =
        [
            0, 2, 0, 12, .. "EXAMPLE.TEST"u8, 0, (byte)service.Length, .. Encoding.ASCII.GetBytes(service),
            0, 16, .. "mx1.example.test"u8, 0, 0, 0, 1,
            0x6B, 0x01, 0x70, 0x1F, 2, 0, 18, 0, 32, .. new byte[32], 0, 0, 0, 2,
        ];
        return [0, 0, 0, (byte)entry.Length, .. entry];
    }
}
