using System.Text;
using System.Text.RegularExpressions;

namespace MailCluster.Tidy.Tests;

/// <summary>
/// C# text without its comments and literals, character for character as long as before, so that rules can be looked
/// for with a pattern. It knows line and block comments, the four string forms and interpolation; it is no parser.
/// </summary>
internal static partial class CodeText
{
    public static string Blank(string code)
    {
        StringBuilder text = new(code);
        int at = 0;
        while (at < code.Length)
        {
            int end = LiteralOrCommentEnd(code, at);
            if (end == at)
            {
                at++;
                continue;
            }

            for (int i = at; i < end; i++)
            {
                if (text[i] is not ('\n' or '\r'))
                {
                    text[i] = ' ';
                }
            }

            at = end;
        }

        return text.ToString();
    }

    /// <summary>Members with a body in braces: the first line of the declaration, and how many lines it has.</summary>
    public static IEnumerable<(string Declaration, int Line, int Lines)> Members(string code)
    {
        string text = Blank(code);
        Stack<(bool IsType, string Declaration, int Start)> open = new();
        int declared = 0;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '{':
                    string declaration = text[declared..i].Trim();
                    open.Push((TypeDeclaration().IsMatch(declaration), declaration, declared));
                    declared = i + 1;
                    break;
                case '}' when open.Count > 0:
                    (bool isType, string member, int start) = open.Pop();
                    bool inType = open.Count == 0 || open.Peek().IsType;
                    if (!isType && inType && member.Length > 0 && !IsInitializer(member))
                    {
                        int first = start;
                        while (char.IsWhiteSpace(text[first]))
                        {
                            first++;
                        }

                        int line = text.AsSpan(0, first).Count('\n') + 1;
                        yield return (
                            member.ReplaceLineEndings(" "), line, text.AsSpan(first, i - first).Count('\n') + 1);
                    }

                    declared = i + 1;
                    break;
                case ';':
                    declared = i + 1;
                    break;
            }
        }
    }

    /// <summary>A field with an object or collection in braces: data, not behaviour.</summary>
    private static bool IsInitializer(string declaration)
    {
        int depth = 0;
        for (int i = 0; i < declaration.Length; i++)
        {
            char here = declaration[i];
            depth += here is '(' or '[' ? 1 : here is ')' or ']' ? -1 : 0;
            bool assigns = here == '=' && (i + 1 == declaration.Length || declaration[i + 1] is not ('=' or '>'))
                && (i == 0 || declaration[i - 1] is not ('=' or '<' or '>' or '!'));
            if (depth == 0 && assigns)
            {
                return true;
            }

            if (depth == 0 && here == '=' && i + 1 < declaration.Length && declaration[i + 1] == '>')
            {
                return false;
            }
        }

        return false;
    }

    private static int LiteralOrCommentEnd(string code, int at)
    {
        ReadOnlySpan<char> rest = code.AsSpan(at);
        if (rest.StartsWith("//"))
        {
            int end = rest.IndexOf('\n');
            return end < 0 ? code.Length : at + end;
        }

        if (rest.StartsWith("/*"))
        {
            int end = rest.IndexOf("*/");
            return end < 0 ? code.Length : at + end + 2;
        }

        if (rest[0] == '\'')
        {
            return QuotedEnd(code, at + 1, '\'');
        }

        int prefix = rest.IndexOfAnyExcept('$', '@');
        if (prefix < 0 || rest[prefix] != '"')
        {
            return at;
        }

        int dollars = rest[..prefix].Count('$');
        int quotes = rest[prefix..].IndexOfAnyExcept('"');
        quotes = quotes < 0 ? rest.Length - prefix : quotes;
        if (quotes >= 3)
        {
            int close = code.IndexOf(new string('"', quotes), at + prefix + quotes, StringComparison.Ordinal);
            return close < 0 ? code.Length : close + quotes;
        }

        bool verbatim = rest[..prefix].Contains('@');
        return dollars > 0
            ? InterpolatedEnd(code, at + prefix + 1, verbatim)
            : verbatim ? VerbatimEnd(code, at + prefix + 1) : QuotedEnd(code, at + prefix + 1, '"');
    }

    private static int QuotedEnd(string code, int at, char quote)
    {
        while (at < code.Length && code[at] != quote && code[at] != '\n')
        {
            at += code[at] == '\\' ? 2 : 1;
        }

        return Math.Min(at + 1, code.Length);
    }

    private static int VerbatimEnd(string code, int at)
    {
        while (at < code.Length && (code[at] != '"' || (at + 1 < code.Length && code[at + 1] == '"')))
        {
            at += code[at] == '"' ? 2 : 1;
        }

        return Math.Min(at + 1, code.Length);
    }

    private static int InterpolatedEnd(string code, int at, bool verbatim)
    {
        int depth = 0;
        while (at < code.Length)
        {
            char here = code[at];
            char next = at + 1 < code.Length ? code[at + 1] : '\0';
            if (depth == 0 && here is '{' or '}' && next == here)
            {
                at += 2;
            }
            else if (here == '{')
            {
                depth++;
                at++;
            }
            else if (here == '}' && depth > 0)
            {
                depth--;
                at++;
            }
            else if (depth > 0)
            {
                int end = LiteralOrCommentEnd(code, at);
                at = end > at ? end : at + 1;
            }
            else if (here == '"')
            {
                if (!verbatim || next != '"')
                {
                    return at + 1;
                }

                at += 2;
            }
            else
            {
                at += here == '\\' && !verbatim ? 2 : 1;
            }
        }

        return code.Length;
    }

    [GeneratedRegex(@"\b(namespace|class|struct|interface|enum|record|extension)\b\s*[\w(<.]")]
    private static partial Regex TypeDeclaration();
}
