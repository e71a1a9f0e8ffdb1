using System.Globalization;
using System.Text;

namespace MailCluster.Frontend.Import;

/// <summary>
/// Dovecot's pop3_uidl_format: %u (UID), %v (UIDVALIDITY), %f and %g (file name, which is a Maildir's GUID), with "X"
/// for hexadecimal and "08" for leading zeros before the letter; %% is a percent sign.
/// </summary>
internal sealed class UniqueIdFormat
{
    public const string Default = "%08Xu%08Xv";

    private const int WidthMax = 20;

    private readonly List<Piece> _pieces = [];

    private UniqueIdFormat()
    {
    }

    private enum Variable
    {
        Text,
        Uid,
        UidValidity,
        FileName,
    }

    /// <summary>Null with the fault when it has something else in it.</summary>
    public static UniqueIdFormat? Parse(string text, out string fault)
    {
        var format = new UniqueIdFormat();
        fault = "";
        for (var at = 0; at < text.Length;)
        {
            var percent = text.IndexOf('%', at);
            var end = percent < 0 ? text.Length : percent;
            format._pieces.Add(new Piece(Variable.Text, text[at..end], 0, false));
            at = end;
            if (percent >= 0 && !format.TryAddVariable(text, ref at))
            {
                fault = text.Contains("%m", StringComparison.Ordinal)
                    ? "%m (a digest of the headers) is not known; have Dovecot keep its ids with pop3_save_uidl=yes"
                    : $"\"{text[percent..]}\" is not %u, %v, %f or %g with X and 01 to {WidthMax} before the letter";
                return null;
            }
        }

        return format;
    }

    public string Write(uint uid, uint uidValidity, string fileName)
    {
        var text = new StringBuilder();
        foreach (var piece in _pieces)
        {
            var value = piece.Variable switch
            {
                Variable.Uid => Number(uid, piece),
                Variable.UidValidity => Number(uidValidity, piece),
                Variable.FileName => fileName,
                _ => piece.Text,
            };
            text.Append(value.PadLeft(piece.Width, '0'));
        }

        return text.ToString();
    }

    private static string Number(uint number, Piece piece) =>
        number.ToString(piece.IsHexadecimal ? "x" : "D", CultureInfo.InvariantCulture);

    private bool TryAddVariable(string text, ref int at)
    {
        at++;
        var width = 0;
        if (at < text.Length && text[at] == '0')
        {
            var from = ++at;
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                at++;
            }

            if (!int.TryParse(text.AsSpan(from, at - from), out width) || width > WidthMax)
            {
                return false;
            }
        }

        var isHexadecimal = at < text.Length && text[at] == 'X';
        at += isHexadecimal ? 1 : 0;
        if (at == text.Length)
        {
            return false;
        }

        switch (text[at++])
        {
            case 'u':
                _pieces.Add(new Piece(Variable.Uid, "", width, isHexadecimal));
                return true;
            case 'v':
                _pieces.Add(new Piece(Variable.UidValidity, "", width, isHexadecimal));
                return true;
            case 'f' or 'g' when width == 0 && !isHexadecimal:
                _pieces.Add(new Piece(Variable.FileName, "", 0, false));
                return true;
            case '%' when width == 0 && !isHexadecimal:
                _pieces.Add(new Piece(Variable.Text, "%", 0, false));
                return true;
            default:
                return false;
        }
    }

    private sealed record Piece(Variable Variable, string Text, int Width, bool IsHexadecimal);
}
