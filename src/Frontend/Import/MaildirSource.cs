using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>A Maildir: one file per message in "cur" and "new"; "tmp" has what nobody has delivered yet.</summary>
internal sealed class MaildirSource : IMessageSource
{
    private readonly string _folder;
    private readonly DovecotUidList? _uids;
    private readonly UniqueIdFormat? _format;
    private readonly List<Entry> _entries = [];

    /// <param name="format">Null: no unique-ids are taken over.</param>
    /// <exception cref="SourceFault">It is no Maildir, or Dovecot's list is not there or damaged.</exception>
    public MaildirSource(string folder, UniqueIdFormat? format)
    {
        _folder = folder;
        _format = format;
        if (!Directory.Exists(Path.Combine(folder, "cur")) || !Directory.Exists(Path.Combine(folder, "new")))
        {
            throw new SourceFault($"{folder} is no Maildir: it has no folders \"cur\" and \"new\".");
        }

        if (format is not null)
        {
            _uids = ReadUids(Path.Combine(folder, DovecotUidList.FileName));
        }

        List("new");
        List("cur");
        _entries.Sort();
    }

    public long Total => _entries.Count;

    public IEnumerable<SourceMessage> Read()
    {
        for (var index = 0; index < _entries.Count; index++)
        {
            var entry = _entries[index];
            var file = new FileInfo(Path.Combine(_folder, entry.Folder, entry.File));
            var uniqueId = entry.Dovecot is null
                ? null
                : entry.Dovecot.UniqueId
                    ?? _format!.Write(entry.Dovecot.Uid, _uids!.UidValidity, entry.Name.Unique);
            var isValid = uniqueId is not null && ForeignUniqueId.IsValid(uniqueId);
            yield return new SourceMessage(
                Path.Combine(entry.Folder, entry.File),
                SourceKey.Of("maildir", entry.Name.Unique),
                new MessageOrigin(
                    file.Exists ? file.LastWriteTimeUtc : DateTimeOffset.FromUnixTimeSeconds(entry.Name.Seconds),
                    entry.Name.Flags,
                    isValid ? uniqueId : null),
                file.Exists ? file.Length : 0,
                index + 1,
                () => Open(entry))
            {
                LacksUniqueId = _format is not null && !isValid,
                LosesFlags = entry.Name.LosesFlags,
            };
        }
    }

    private static DovecotUidList ReadUids(string file)
    {
        try
        {
            using var text = new StreamReader(file);
            return DovecotUidList.Read(text);
        }
        catch (FileNotFoundException)
        {
            throw new SourceFault($"There is no {file}: Dovecot has not opened this Maildir, so it has no unique-ids.");
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new SourceFault($"{file} cannot be read: {fault.Message}");
        }
    }

    private void List(string name)
    {
        try
        {
            foreach (var path in Directory.EnumerateFiles(Path.Combine(_folder, name)))
            {
                var file = Path.GetFileName(path);

                // What begins with a dot is no message (maildir(5)).
                if (!file.StartsWith('.'))
                {
                    var parsed = MaildirName.Parse(file);
                    _entries.Add(new Entry(name, file, parsed, _uids?.Find(parsed.Unique)));
                }
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new SourceFault($"{_folder} cannot be read: {fault.Message}");
        }
    }

    private StoredFormStream Open(Entry entry)
    {
        var path = Path.Combine(_folder, entry.Folder, entry.File);

        // The old server may be running: it moves what is read from "new" to "cur", and renames with every flag.
        if (!File.Exists(path))
        {
            path = Directory.EnumerateFiles(Path.Combine(_folder, "cur"))
                .FirstOrDefault(file => MaildirName.Parse(Path.GetFileName(file)).Unique == entry.Name.Unique) ?? path;
        }

        return new StoredFormStream(
            new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1, true),
            long.MaxValue,
            MboxQuoting.None);
    }

    /// <summary>In POP3's order: Dovecot's places, then its UIDs, then what it has not seen, by time.</summary>
    private sealed record Entry(string Folder, string File, MaildirName Name, DovecotMessage? Dovecot)
        : IComparable<Entry>
    {
        public int CompareTo(Entry? other)
        {
            var order = Order.CompareTo(other!.Order);
            order = order != 0 ? order : Uid.CompareTo(other.Uid);
            return order != 0 ? order : Name.CompareTo(other.Name);
        }

        private long Order => Dovecot?.Order ?? long.MaxValue;

        private long Uid => Dovecot?.Uid ?? long.MaxValue;
    }
}
