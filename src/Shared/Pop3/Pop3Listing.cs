using System.Buffers.Text;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// The lines of LIST or UIDL without argument, and the final dot (RFC 1939 §5, §7): "n octets" or "n unique-id" with
/// nothing after it (STANXPOP3-V0005, C0007). Marked messages are left out. Written in pieces, so that a listing of any
/// length needs one buffer; the session takes no input in between.
/// </summary>
public struct Pop3Listing
{
    /// <summary>Octets that always hold one more line: a number, a space, a unique-id, CRLF.</summary>
    public const int DestinationOctetsMin = 10 + 1 + ForeignUniqueId.OctetsMax + 2;

    private readonly Pop3Maildrop? _maildrop;
    private readonly Pop3ListingKind _kind;
    private int _next;
    private bool _isDone;

    internal Pop3Listing(Pop3Maildrop maildrop, Pop3ListingKind kind)
    {
        _maildrop = maildrop;
        _kind = kind;
    }

    /// <param name="destination">At least <see cref="DestinationOctetsMin"/> octets.</param>
    /// <returns>True: the final dot is written, the listing is complete.</returns>
    public bool Write(Span<byte> destination, out int written)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, DestinationOctetsMin, nameof(destination));
        written = 0;
        while (_maildrop is not null && _next < _maildrop.Count)
        {
            if (destination.Length - written < DestinationOctetsMin)
            {
                return false;
            }

            var index = _next++;
            if (!_maildrop.IsMarked(index))
            {
                written += WriteLine(_maildrop, index, destination[written..]);
            }
        }

        if (!_isDone && destination.Length - written >= 3)
        {
            ".\r\n"u8.CopyTo(destination[written..]);
            written += 3;
            _isDone = true;
        }

        return _isDone;
    }

    private readonly int WriteLine(Pop3Maildrop maildrop, int index, Span<byte> destination)
    {
        Utf8Formatter.TryFormat(index + 1, destination, out var length);
        destination[length++] = (byte)' ';
        var foreign = _kind == Pop3ListingKind.UniqueId ? maildrop.ForeignUniqueIdOf(index) : default;
        if (foreign.IsEmpty)
        {
            var value = _kind == Pop3ListingKind.Scan
                ? maildrop.OctetsOf(index)
                : maildrop.Snapshot.Messages[index].Number.Value;
            Utf8Formatter.TryFormat(value, destination[length..], out var digits);
            length += digits;
        }
        else
        {
            foreign.CopyTo(destination[length..]);
            length += foreign.Length;
        }

        "\r\n"u8.CopyTo(destination[length..]);
        return length + 2;
    }
}
