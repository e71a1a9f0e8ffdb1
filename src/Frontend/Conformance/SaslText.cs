using System.Buffers.Binary;
using System.Text;

namespace MailCluster.Frontend.Conformance;

/// <summary>The few messages of SASL that the probes say, and what they recognize.</summary>
internal static class SaslText
{
    /// <summary>"NTLMSSP\0", little-endian message type 1, flags UNICODE, OEM, REQUEST_TARGET, NTLM, ALWAYS_SIGN and
    /// EXTENDED_SESSIONSECURITY, no domain and no workstation (MS-NLMP §2.2.1.1).</summary>
    private static readonly byte[] NtlmNegotiate =
    [
        .. "NTLMSSP\0"u8, 1, 0, 0, 0, 0x07, 0x82, 0x08, 0, .. new byte[16],
    ];

    private const uint NtlmChallenge = 2;

    public static string NtlmType1 => Convert.ToBase64String(NtlmNegotiate);

    /// <summary>RFC 4616 §2: no authorization identity.</summary>
    public static string Plain(string user, string password) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{user}\0{password}"));

    /// <summary>Whether a base64 text is an NTLM CHALLENGE_MESSAGE (MS-NLMP §2.2.1.2).</summary>
    public static bool IsNtlmType2(string base64)
    {
        var octets = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, octets, out var length)
            && length >= 32
            && octets.AsSpan().StartsWith("NTLMSSP\0"u8)
            && BinaryPrimitives.ReadUInt32LittleEndian(octets.AsSpan(8)) == NtlmChallenge;
    }
}
