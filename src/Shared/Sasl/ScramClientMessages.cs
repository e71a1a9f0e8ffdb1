using System.Text;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// RFC 5802 §7: client-first-message = gs2-cbind-flag "," [ "a=" saslname ] "," [ reserved-mext "," ] "n=" saslname ","
/// "r=" c-nonce [ "," extensions ].
/// </summary>
/// <param name="Gs2Header">With its last comma: what "c=" of the last message must repeat.</param>
/// <param name="BindingType">Of gs2-cbind-flag "p=" cb-name; empty with the flags "n" and "y".</param>
/// <param name="Bare">The message without the GS2 header, as it goes into AuthMessage.</param>
internal sealed record ScramClientFirst(
    byte[] Gs2Header, byte[] Bare, char BindingFlag, string BindingType, string AuthorizationIdentity, string User,
    string Nonce)
{
    private const int NonceLengthMax = 256;

    /// <summary>cb-name = 1*(ALPHA / DIGIT / "." / "-"); the longest that is registered has 20.</summary>
    private const int BindingTypeLengthMax = 64;

    public static bool TryParse(ReadOnlySpan<byte> message, out ScramClientFirst first)
    {
        first = new ScramClientFirst([], [], 'n', string.Empty, string.Empty, string.Empty, string.Empty);
        var reader = new ScramAttributes(message);
        if (!reader.TryTakeItem(out var flag) || !reader.TryTakeItem(out var identity)
            || !TryReadFlag(flag, out var bindingType)
            || !TryReadIdentity(identity, out var authorizationIdentity))
        {
            return false;
        }

        var headerLength = flag.Length + identity.Length + 2;
        if (!reader.TryTake('n', out var name) || !TryDecodeName(name, out var user)
            || !reader.TryTake('r', out var nonce) || !IsNonce(nonce) || !reader.TrySkipExtensions())
        {
            return false;
        }

        first = new ScramClientFirst(
            message[..headerLength].ToArray(), message[headerLength..].ToArray(), (char)flag[0], bindingType,
            authorizationIdentity, user, Encoding.ASCII.GetString(nonce));
        return true;
    }

    private static bool TryReadFlag(ReadOnlySpan<byte> flag, out string bindingType)
    {
        bindingType = string.Empty;
        if (flag.SequenceEqual("n"u8) || flag.SequenceEqual("y"u8))
        {
            return true;
        }

        if (!flag.StartsWith("p="u8) || flag.Length is < 3 or > BindingTypeLengthMax || !Ascii.IsValid(flag))
        {
            return false;
        }

        bindingType = Encoding.ASCII.GetString(flag[2..]);
        return true;
    }

    private static bool TryReadIdentity(ReadOnlySpan<byte> item, out string identity)
    {
        identity = string.Empty;
        return item.IsEmpty || (item.StartsWith("a="u8) && TryDecodeName(item[2..], out identity));
    }

    /// <summary>saslname: "=2C" is ',', "=3D" is '=', no other '=' (RFC 5802 §5.1).</summary>
    private static bool TryDecodeName(ReadOnlySpan<byte> name, out string text)
    {
        text = string.Empty;
        if (name.Length > SaslText.OctetsMax)
        {
            return false;
        }

        Span<byte> decoded = new byte[name.Length];
        var length = 0;
        while (!name.IsEmpty)
        {
            var taken = 1;
            var octet = name[0];
            if (octet == (byte)'=')
            {
                if (name.StartsWith("=2C"u8))
                {
                    octet = (byte)',';
                }
                else if (!name.StartsWith("=3D"u8))
                {
                    return false;
                }

                taken = 3;
            }

            decoded[length++] = octet;
            name = name[taken..];
        }

        return SaslText.TryDecode(decoded[..length], out text);
    }

    /// <summary>c-nonce = printable: 0x21..0x7E without ',' (RFC 5802 §7).</summary>
    private static bool IsNonce(ReadOnlySpan<byte> nonce) =>
        nonce.Length is > 0 and <= NonceLengthMax && !nonce.ContainsAnyExceptInRange((byte)0x21, (byte)0x7E);
}

/// <summary>
/// RFC 5802 §7: client-final-message = "c=" base64 "," "r=" nonce [ "," extensions ] "," "p=" base64.
/// </summary>
/// <param name="WithoutProof">As it goes into AuthMessage.</param>
internal sealed record ScramClientFinal(byte[] WithoutProof, byte[] ChannelBinding, string Nonce, byte[] Proof)
{
    public static bool TryParse(ReadOnlySpan<byte> message, out ScramClientFinal final)
    {
        final = new ScramClientFinal([], [], string.Empty, []);
        var proofAt = message.LastIndexOf(",p="u8);
        if (proofAt < 0 || !SaslBase64.TryDecode(message[(proofAt + 3)..], out var proof))
        {
            return false;
        }

        var withoutProof = message[..proofAt];
        var reader = new ScramAttributes(withoutProof);
        if (!reader.TryTake('c', out var binding) || !SaslBase64.TryDecode(binding, out var channelBinding)
            || !reader.TryTake('r', out var nonce) || !Ascii.IsValid(nonce) || !reader.TrySkipExtensions())
        {
            return false;
        }

        final = new ScramClientFinal(
            withoutProof.ToArray(), channelBinding, Encoding.ASCII.GetString(nonce), proof);
        return true;
    }
}

/// <summary>attr-val pairs between commas (RFC 5802 §7).</summary>
internal ref struct ScramAttributes(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;
    private bool _ended;

    /// <summary>Up to the next comma, which is consumed, or to the end.</summary>
    public bool TryTakeItem(out ReadOnlySpan<byte> item)
    {
        item = default;
        if (_ended)
        {
            return false;
        }

        var comma = _rest.IndexOf((byte)',');
        _ended = comma < 0;
        item = _ended ? _rest : _rest[..comma];
        _rest = _ended ? default : _rest[(comma + 1)..];
        return true;
    }

    public bool TryTake(char attribute, out ReadOnlySpan<byte> value)
    {
        if (TryTakeItem(out var item) && item.Length > 2 && item[0] == (byte)attribute && item[1] == (byte)'=')
        {
            value = item[2..];
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>
    /// Optional extensions that we do not know are skipped (RFC 5802 §5.1); they must still be attr-val pairs.
    /// </summary>
    public bool TrySkipExtensions()
    {
        while (TryTakeItem(out var item))
        {
            if (item.Length < 3 || !char.IsAsciiLetter((char)item[0]) || item[1] != (byte)'=' || item.Contains((byte)0))
            {
                return false;
            }
        }

        return true;
    }
}
