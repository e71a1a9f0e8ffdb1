using System.Collections.Frozen;
using System.Collections.Immutable;
using MailCluster.Shared.Pop3.Commands;

namespace MailCluster.Shared.Pop3;

/// <summary>THE list of commands. Start reading here. CAPA's lines come in this order.</summary>
internal static class Pop3CommandTable
{
    public const string UnknownName = "unknown";
    public const string SaslName = "SASL";

    public static readonly ImmutableArray<Pop3CommandSpec> Rows =
    [
        Top.Spec,
        Uidl.Spec,
        User.Spec,
        Pass.Spec,
        Apop.Spec,
        Auth.Spec,
        Stls.Spec,
        Utf8.Spec,
        Capa.Spec,
        Stat.Spec,
        List.Spec,
        Retr.Spec,
        Dele.Spec,
        Noop.Spec,
        Rset.Spec,
        Quit.Spec,
    ];

    private static readonly FrozenDictionary<uint, Pop3CommandSpec> ByKey =
        Rows.ToFrozenDictionary(row => KeyOf(System.Text.Encoding.ASCII.GetBytes(row.Verb)));

    /// <summary>
    /// Keywords are three or four letters in either case (RFC 1939 §3); UTF8 has a digit (RFC 6856 §2.1).
    /// </summary>
    public static Pop3CommandSpec? Find(ReadOnlySpan<byte> keyword) => ByKey.GetValueOrDefault(KeyOf(keyword));

    /// <summary>
    /// The letters of a keyword in upper case, one octet each; 0 for what cannot be a keyword. A digit loses the same
    /// bit, which makes it none of the letters.
    /// </summary>
    private static uint KeyOf(ReadOnlySpan<byte> keyword)
    {
        if (keyword.Length is < 3 or > 4)
        {
            return 0;
        }

        uint key = 0;
        foreach (var octet in keyword)
        {
            if (!char.IsAsciiLetterOrDigit((char)octet))
            {
                return 0;
            }

            key = (key << 8) | (octet & 0xDFu);
        }

        return key;
    }
}
