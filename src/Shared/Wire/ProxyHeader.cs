using System.Buffers;
using System.Buffers.Binary;
using System.Net;

namespace MailCluster.Shared.Wire;

/// <summary>How far a PROXY header could be read.</summary>
public enum ProxyHeaderStatus
{
    NeedMore,
    Complete,

    /// <summary>No PROXY header: the connection ends without a word (specification §2).</summary>
    Invalid,
}

/// <summary>
/// The first octets of a connection from a proxy: PROXY protocol version 1 (text, §2.1) or 2 (binary, §2.2).
/// </summary>
/// <param name="Source">
/// The client; null when the proxy speaks for itself (LOCAL) or does not know (UNKNOWN, AF_UNIX): the peer's own
/// address counts.
/// </param>
/// <param name="Destination">Where the client connected to; null together with <paramref name="Source"/>.</param>
public sealed record ProxyHeader(IPEndPoint? Source, IPEndPoint? Destination)
{
    /// <summary>Of a version 1 header with its CRLF (§2.1).</summary>
    public const int TextOctetsMax = 107;

    /// <summary>
    /// Of a version 2 header with its TLVs; a longer one is refused, so that the buffer before the first command is
    /// bounded.
    /// </summary>
    public const int BinaryOctetsMax = 4096;

    private const int BinaryFixedOctets = 16;

    private static readonly ProxyHeader Unknown = new(null, null);

    private static ReadOnlySpan<byte> Signature => "\r\n\r\n\0\r\nQUIT\n"u8;

    /// <param name="consumed">Behind the header when complete, otherwise the start.</param>
    public static ProxyHeaderStatus TryParse(
        in ReadOnlySequence<byte> buffer, out ProxyHeader? header, out SequencePosition consumed)
    {
        header = null;
        consumed = buffer.Start;
        if (buffer.IsEmpty)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        Span<byte> start = stackalloc byte[TextOctetsMax];
        start = start[..(int)Math.Min(buffer.Length, TextOctetsMax)];
        buffer.Slice(0, start.Length).CopyTo(start);
        return start[0] == (byte)'P'
            ? ParseText(buffer, start, out header, ref consumed)
            : ParseBinary(buffer, start, out header, ref consumed);
    }

    private static ProxyHeaderStatus ParseText(
        in ReadOnlySequence<byte> buffer,
        ReadOnlySpan<byte> start,
        out ProxyHeader? header,
        ref SequencePosition consumed)
    {
        header = null;
        var known = Math.Min(start.Length, 6);
        if (!start[..known].SequenceEqual("PROXY "u8[..known]))
        {
            return ProxyHeaderStatus.Invalid;
        }

        var lineFeed = start.IndexOf((byte)'\n');
        if (lineFeed < 0)
        {
            return start.Length == TextOctetsMax ? ProxyHeaderStatus.Invalid : ProxyHeaderStatus.NeedMore;
        }

        if (start[lineFeed - 1] != (byte)'\r')
        {
            return ProxyHeaderStatus.Invalid;
        }

        consumed = buffer.GetPosition(lineFeed + 1);
        var line = start[6..(lineFeed - 1)];
        if (line.StartsWith("UNKNOWN"u8) && (line.Length == 7 || line[7] == (byte)' '))
        {
            header = Unknown;
            return ProxyHeaderStatus.Complete;
        }

        header = ParseAddresses(line);
        if (header is null)
        {
            consumed = buffer.Start;
            return ProxyHeaderStatus.Invalid;
        }

        return ProxyHeaderStatus.Complete;
    }

    /// <summary>
    /// "TCP4" or "TCP6", source, destination, source port, destination port, each after exactly one space (§2.1).
    /// </summary>
    private static ProxyHeader? ParseAddresses(ReadOnlySpan<byte> line)
    {
        Span<Range> parts = stackalloc Range[5];
        var count = 0;
        foreach (var part in line.Split((byte)' '))
        {
            if (count == parts.Length)
            {
                return null;
            }

            parts[count++] = part;
        }

        if (count != parts.Length)
        {
            return null;
        }

        var isV6 = line[parts[0]].SequenceEqual("TCP6"u8);
        if (!isV6 && !line[parts[0]].SequenceEqual("TCP4"u8))
        {
            return null;
        }

        return AddressText.TryParse(line[parts[1]], isV6, out var source)
            && AddressText.TryParse(line[parts[2]], isV6, out var destination)
            && TryPort(line[parts[3]], out var sourcePort)
            && TryPort(line[parts[4]], out var destinationPort)
            ? new(new IPEndPoint(source, sourcePort), new IPEndPoint(destination, destinationPort))
            : null;
    }

    /// <summary>0..65535 without leading zeros (§2.1).</summary>
    private static bool TryPort(ReadOnlySpan<byte> text, out int port)
    {
        port = 0;
        return text.Length is >= 1 and <= 5
            && (text[0] != (byte)'0' || text.Length == 1)
            && AsciiSets.IsAll(text, AsciiSets.Digits)
            && int.TryParse(text, null, out port)
            && port <= ushort.MaxValue;
    }

    private static ProxyHeaderStatus ParseBinary(
        in ReadOnlySequence<byte> buffer,
        ReadOnlySpan<byte> start,
        out ProxyHeader? header,
        ref SequencePosition consumed)
    {
        header = null;
        var known = Math.Min(start.Length, Signature.Length);
        if (!start[..known].SequenceEqual(Signature[..known]))
        {
            return ProxyHeaderStatus.Invalid;
        }

        // Version 2; LOCAL (0) or PROXY (1).
        if (start.Length > 12 && start[12] is not (0x20 or 0x21))
        {
            return ProxyHeaderStatus.Invalid;
        }

        if (start.Length < BinaryFixedOctets)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(start[14..]);
        if (BinaryFixedOctets + length > BinaryOctetsMax)
        {
            return ProxyHeaderStatus.Invalid;
        }

        if (buffer.Length < BinaryFixedOctets + length)
        {
            return ProxyHeaderStatus.NeedMore;
        }

        var addresses = start[BinaryFixedOctets..Math.Min(start.Length, BinaryFixedOctets + length)];
        header = start[12] == 0x20 ? Unknown : ParseBinaryAddresses(start[13], addresses);
        if (header is null)
        {
            return ProxyHeaderStatus.Invalid;
        }

        consumed = buffer.GetPosition(BinaryFixedOctets + length);
        return ProxyHeaderStatus.Complete;
    }

    /// <summary>Family in the upper four bits, STREAM (1) in the lower (§2.2).</summary>
    private static ProxyHeader? ParseBinaryAddresses(byte family, ReadOnlySpan<byte> octets)
    {
        var addressOctets = family switch { 0x11 => 4, 0x21 => 16, _ => 0 };
        if (addressOctets == 0)
        {
            // UNSPEC, UNIX or a transport that this server does not speak: the addresses are to be ignored.
            return family >> 4 <= 3 && (family & 0xF) <= 2 ? Unknown : null;
        }

        if (octets.Length < (2 * addressOctets) + 4)
        {
            return null;
        }

        var ports = octets[(2 * addressOctets)..];
        return new(
            new IPEndPoint(new IPAddress(octets[..addressOctets]), BinaryPrimitives.ReadUInt16BigEndian(ports)),
            new IPEndPoint(
                new IPAddress(octets[addressOctets..(2 * addressOctets)]),
                BinaryPrimitives.ReadUInt16BigEndian(ports[2..])));
    }
}
