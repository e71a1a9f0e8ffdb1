using System.Globalization;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>
/// An mbox: one file, one message behind the other. Each is read twice, once to be named by its content, once to be
/// sent: so a message has the same name when others before it are gone. Of each, 16 octets are kept to tell identical
/// ones apart.
/// </summary>
internal sealed class MboxSource : IMessageSource
{
    private readonly string _file;
    private readonly MboxQuoting _quoting;
    private readonly bool _takesUniqueIds;

    /// <exception cref="SourceFault">The file cannot be read.</exception>
    public MboxSource(string file, MboxQuoting quoting, bool takesUniqueIds)
    {
        _file = file;
        _quoting = quoting;
        _takesUniqueIds = takesUniqueIds;
        using var stream = OpenFile();
        Total = stream.Length;
    }

    public long Total { get; }

    public IEnumerable<SourceMessage> Read()
    {
        using var stream = OpenFile();
        using var scanner = new MboxScanner(stream);
        var seen = new Dictionary<UInt128, int>();
        var number = 0;
        while (Next(scanner) is { } message)
        {
            var digest = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(message.Digest);
            var copy = seen[digest] = seen.GetValueOrDefault(digest) + 1;
            var isValid = message.UniqueId is not null && ForeignUniqueId.IsValid(message.UniqueId);
            var place = (++number).ToString(CultureInfo.InvariantCulture);
            yield return new SourceMessage(
                $"message {place} at offset {message.Start.ToString(CultureInfo.InvariantCulture)}",
                SourceKey.Of(copy.ToString(CultureInfo.InvariantCulture), message.Digest),
                new MessageOrigin(
                    message.Date, message.Flags, _takesUniqueIds && isValid ? message.UniqueId : null),
                message.End - message.Start,
                message.End,
                () => Open(message))
            {
                LacksUniqueId = _takesUniqueIds && !isValid,
            };
        }
    }

    private MboxMessage? Next(MboxScanner scanner)
    {
        try
        {
            return scanner.Next();
        }
        catch (IOException fault)
        {
            throw new SourceFault($"{_file} cannot be read: {fault.Message}");
        }
    }

    private StoredFormStream Open(MboxMessage message)
    {
        var stream = OpenFile();
        stream.Position = message.Start;
        return new StoredFormStream(stream, message.End - message.Start, _quoting);
    }

    private FileStream OpenFile()
    {
        try
        {
            return new FileStream(
                _file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1, true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new SourceFault($"{_file} cannot be read: {fault.Message}");
        }
    }
}
