using System.Text;
using MailCluster.Shared.Accounts;

namespace MailCluster.Shared.Sasl;

/// <summary>What the mechanisms have in common about names and passwords.</summary>
internal static class SaslText
{
    /// <summary>
    /// Octets of a name or a password. RFC 4616 §2 asks for at least 255; what is longer is nobody's, and is not
    /// hashed.
    /// </summary>
    public const int OctetsMax = 1024;

    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>
    /// 1*SAFE of RFC 4616 §2: UTF-8 without NUL, here 1..<see cref="OctetsMax"/> octets and without any control
    /// character.
    /// </summary>
    public static bool TryDecode(ReadOnlySpan<byte> octets, out string text)
    {
        text = string.Empty;
        if (octets.Length is 0 or > OctetsMax || !System.Text.Unicode.Utf8.IsValid(octets))
        {
            return false;
        }

        text = Strict.GetString(octets);
        return !PasswordText.HasControl(text);
    }

    /// <summary>
    /// Nobody acts for another: an authorization identity is empty or names the one who logged in (RFC 4616 §2, RFC
    /// 5802 §5.1).
    /// </summary>
    public static bool MayActAs(string authorizationIdentity, string user, SaslIdentity identity) =>
        authorizationIdentity.Length == 0
        || string.Equals(authorizationIdentity, user, StringComparison.OrdinalIgnoreCase)
        || string.Equals(authorizationIdentity, identity.Address, StringComparison.OrdinalIgnoreCase);
}
