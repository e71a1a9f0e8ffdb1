using System.Globalization;

namespace MailCluster.Frontend.Import;

/// <param name="Uid">Of IMAP.</param>
/// <param name="UniqueId">The POP3 unique-id that overrides the format ("P"); null: none does.</param>
/// <param name="Order">The place in POP3's list that overrides the UID's ("O"); null: none does.</param>
internal sealed record DovecotMessage(uint Uid, string? UniqueId, uint? Order);

/// <summary>
/// Dovecot's "dovecot-uidlist", version 3: "3 V1719400000 N5 G…", then one line per message, "UID key-value… :file".
/// </summary>
internal sealed class DovecotUidList
{
    public const string FileName = "dovecot-uidlist";

    private readonly Dictionary<string, DovecotMessage> _messages = [];

    private DovecotUidList(uint uidValidity) => UidValidity = uidValidity;

    public uint UidValidity { get; }

    public int Count => _messages.Count;

    /// <exception cref="SourceFault">It is of another version, or damaged.</exception>
    public static DovecotUidList Read(TextReader text)
    {
        var header = text.ReadLine()?.Split(' ') ?? [];
        if (header.Length < 2 || header[0] != "3")
        {
            throw new SourceFault(
                $"{FileName} is not of version 3, which Dovecot has written since 1.1; open the mailbox with a newer one.");
        }

        var validity = Array.Find(header, word => word.StartsWith('V'));
        if (!TryNumber(validity.AsSpan(Math.Min(1, validity?.Length ?? 0)), out var uidValidity))
        {
            throw new SourceFault($"{FileName} has no UIDVALIDITY in its first line.");
        }

        var list = new DovecotUidList(uidValidity);
        for (var number = 2; text.ReadLine() is { } line; number++)
        {
            list.Add(line, number);
        }

        return list;
    }

    /// <summary>Null: Dovecot has not seen the message yet, so no client has.</summary>
    /// <param name="unique">The file's name without flags.</param>
    public DovecotMessage? Find(string unique) => _messages.GetValueOrDefault(unique);

    private static bool TryNumber(ReadOnlySpan<char> text, out uint number) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private void Add(string line, int number)
    {
        if (line.Length == 0)
        {
            return;
        }

        var colon = line.IndexOf(" :", StringComparison.Ordinal);
        var words = (colon < 0 ? line : line[..colon]).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (colon < 0 || words.Length == 0 || !TryNumber(words[0], out var uid))
        {
            throw new SourceFault($"Line {number} of {FileName} cannot be read.");
        }

        string? uniqueId = null;
        uint? order = null;
        foreach (var word in words.AsSpan(1))
        {
            if (word[0] == 'P')
            {
                uniqueId = word[1..];
            }
            else if (word[0] == 'O' && TryNumber(word.AsSpan(1), out var place))
            {
                order = place;
            }
        }

        // Later lines are later knowledge: Dovecot appends and rewrites the whole file now and then.
        _messages[MaildirName.Parse(line[(colon + 2)..]).Unique] = new DovecotMessage(uid, uniqueId, order);
    }
}
