using System.Buffers;
using System.Buffers.Text;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// The base64 of SMTP's and POP3's AUTH (RFC 4648 §4): with padding, without white space or any other foreign octet,
/// which RFC 4954 §4 and RFC 5034 §4 want refused.
/// </summary>
public static class SaslBase64
{
    private static readonly SearchValues<byte> Alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="u8);

    public static bool TryDecode(ReadOnlySpan<byte> text, out byte[] octets)
    {
        octets = [];
        if (text.ContainsAnyExcept(Alphabet) || text.Length % 4 != 0)
        {
            return false;
        }

        var buffer = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (Base64.DecodeFromUtf8(text, buffer, out var consumed, out var written) != OperationStatus.Done
            || consumed != text.Length)
        {
            return false;
        }

        octets = written == buffer.Length ? buffer : buffer[..written];
        return true;
    }

    /// <summary>
    /// The argument after the mechanism's name: "=" stands for an empty response (RFC 4954 §4, RFC 5034 §4).
    /// </summary>
    public static bool TryDecodeInitialResponse(ReadOnlySpan<byte> text, out byte[] octets)
    {
        if (text.SequenceEqual("="u8))
        {
            octets = [];
            return true;
        }

        return TryDecode(text, out octets) && octets.Length > 0;
    }
}
