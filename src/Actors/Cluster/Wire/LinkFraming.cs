using System.Buffers;
using System.Buffers.Binary;

namespace MailCluster.Actors.Cluster.Wire;

public enum FramingResult
{
    /// <summary>The frame has not arrived whole; nothing was taken.</summary>
    Incomplete,

    Frame,

    /// <summary>Longer than is allowed: known from the header, before anything of it is kept.</summary>
    TooLong,

    /// <summary>Known from the header too.</summary>
    UnknownKind,
}

/// <summary>
/// Octets to frames and back, as link.proto says. After anything but frames the stream means nothing more.
/// </summary>
public static class LinkFraming
{
    /// <summary>Length and kind.</summary>
    public const int HeaderOctets = 5;

    /// <summary>Takes the first frame off the buffer if it is there whole.</summary>
    /// <param name="octetsMax">Of the message.</param>
    /// <param name="message">A part of the buffer.</param>
    public static FramingResult Read(
        ref ReadOnlySequence<byte> buffer, int octetsMax, out LinkFrameKind kind, out ReadOnlySequence<byte> message)
    {
        kind = LinkFrameKind.None;
        message = default;
        if (buffer.Length < HeaderOctets)
        {
            return FramingResult.Incomplete;
        }

        var header = buffer.FirstSpan;
        if (header.Length < HeaderOctets)
        {
            Span<byte> straddling = stackalloc byte[HeaderOctets];
            buffer.Slice(0, HeaderOctets).CopyTo(straddling);
            return Read(ref buffer, straddling, octetsMax, out kind, out message);
        }

        return Read(ref buffer, header, octetsMax, out kind, out message);
    }

    public static void WriteHeader(Span<byte> destination, LinkFrameKind kind, int octets)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)octets);
        destination[HeaderOctets - 1] = (byte)kind;
    }

    private static FramingResult Read(
        ref ReadOnlySequence<byte> buffer, ReadOnlySpan<byte> header, int octetsMax, out LinkFrameKind kind,
        out ReadOnlySequence<byte> message)
    {
        message = default;
        kind = (LinkFrameKind)header[HeaderOctets - 1];
        if (kind is < LinkFrameKind.Hello or > LinkFrameKind.Goodbye)
        {
            kind = LinkFrameKind.None;
            return FramingResult.UnknownKind;
        }

        var octets = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (octets > octetsMax)
        {
            return FramingResult.TooLong;
        }

        if (buffer.Length < HeaderOctets + octets)
        {
            return FramingResult.Incomplete;
        }

        message = buffer.Slice(HeaderOctets, octets);
        buffer = buffer.Slice(message.End);
        return FramingResult.Frame;
    }
}
