using System.Buffers.Binary;

namespace MailCluster.Frontend.Sasl;

/// <summary>
/// The first message of NTLM ([MS-NLMP] §2.2.1.1) of clients that have no Version to tell and leave the field out, as
/// curl does. gss-ntlmssp reads no message without the field, and would miss it again in the third message once signing
/// has been asked for. Here nothing is signed, so the wish is dropped; such a client sends no MIC over its messages.
/// </summary>
internal static class NtlmNegotiate
{
    private const int OctetsWithVersion = 40;
    private const int FlagsAt = 12;

    /// <summary>NTLMSSP_NEGOTIATE_ALWAYS_SIGN, NTLMSSP_NEGOTIATE_SEAL, NTLMSSP_NEGOTIATE_SIGN.</summary>
    private const uint Signing = 0x8000 | 0x20 | 0x10;

    public static bool LacksVersion(ReadOnlySpan<byte> message) => message.Length is >= 16 and < OctetsWithVersion;

    public static byte[] WithVersion(ReadOnlySpan<byte> message)
    {
        var whole = new byte[OctetsWithVersion];
        message.CopyTo(whole);
        var flags = whole.AsSpan(FlagsAt, sizeof(uint));
        BinaryPrimitives.WriteUInt32LittleEndian(flags, BinaryPrimitives.ReadUInt32LittleEndian(flags) & ~Signing);
        return whole;
    }
}
