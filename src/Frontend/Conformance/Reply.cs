using System.Globalization;

namespace MailCluster.Frontend.Conformance;

/// <summary>What came back: the lines of one reply, or that nothing came.</summary>
/// <param name="Took">From the end of what was sent to the end of the reply.</param>
/// <param name="IsClosed">The connection ended instead.</param>
internal sealed record Reply(IReadOnlyList<string> Lines, TimeSpan Took, bool IsClosed)
{
    public string First => Lines.Count > 0 ? Lines[0] : "";

    /// <summary>SMTP: the three digits, 0 where there are none.</summary>
    public int Code =>
        First.Length >= 3 && int.TryParse(
            First.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var code) ? code : 0;

    /// <summary>SMTP: "5.5.1" (RFC 3463 §2, class.subject.detail), or null.</summary>
    public string? Enhanced
    {
        get
        {
            var word = First.Length > 4 ? First[4..].Split(' ')[0] : "";
            var parts = word.Split('.');
            return parts.Length == 3 && parts[0] is "2" or "4" or "5"
                && parts.All(part => part.Length is >= 1 and <= 3 && part.All(char.IsAsciiDigit)) ? word : null;
        }
    }

    /// <summary>POP3.</summary>
    public bool IsOk => First == "+OK" || First.StartsWith("+OK ", StringComparison.Ordinal);

    /// <summary>POP3.</summary>
    public bool IsError => First == "-ERR" || First.StartsWith("-ERR ", StringComparison.Ordinal);

    public bool IsPositive => Code is >= 200 and < 400;

    public bool IsTransient => Code is >= 400 and < 500;

    public bool IsPermanent => Code is >= 500 and < 600;

    public bool Is(int code, string enhanced) => Code == code && Enhanced == enhanced;

    /// <summary>Code and enhanced code; for anything else the first line, shortened.</summary>
    public override string ToString() => this switch
    {
        { IsClosed: true, Lines.Count: 0 } => "connection closed",
        { Lines.Count: 0 } => "no reply",
        { Code: not 0, Enhanced: { } enhanced } => $"{Code} {enhanced}",
        { Code: 334 } => Shortened(First),
        { Code: not 0 } => First[..3],
        _ => Shortened(First),
    };

    private static string Shortened(string text) => text.Length <= 60 ? text : text[..57] + "...";
}
