using System.Buffers.Binary;
using System.Net;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// Address ranges of a binding, looked up in a step per prefix length, however many there are: block lists are long.
/// </summary>
internal sealed class AddressRanges
{
    /// <summary>No range holds the address.</summary>
    public const int None = -1;

    private readonly (bool IsIPv6, int Length, HashSet<UInt128> Prefixes)[] _byLength;

    public AddressRanges(IEnumerable<IPNetwork> ranges)
    {
        _byLength =
        [
            .. ranges
                .Select(range => (Network: ValueOf(range.BaseAddress, out var isIPv6), IsIPv6: isIPv6, Length:
                    range.PrefixLength))
                .GroupBy(range => (range.IsIPv6, range.Length))
                .OrderByDescending(group => group.Key.Length)
                .Select(group =>
                    (group.Key.IsIPv6, group.Key.Length, group.Select(range => range.Network).ToHashSet())),
        ];
    }

    /// <summary>
    /// Prefix length of the most specific range that holds the address, or <see cref="None"/>. An IPv4 address in IPv6
    /// clothes is an IPv4 address.
    /// </summary>
    public int MostSpecific(IPAddress address)
    {
        var value = ValueOf(address, out var isIPv6);
        foreach (var (isOfIPv6, length, prefixes) in _byLength)
        {
            if (isOfIPv6 == isIPv6 && prefixes.Contains(Prefix(value, isIPv6, length)))
            {
                return length;
            }
        }

        return None;
    }

    private static UInt128 Prefix(UInt128 value, bool isIPv6, int length)
    {
        var rest = (isIPv6 ? 128 : 32) - length;
        return rest == 128 ? 0 : value >> rest << rest;
    }

    private static UInt128 ValueOf(IPAddress address, out bool isIPv6)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        Span<byte> octets = stackalloc byte[16];
        plain.TryWriteBytes(octets, out var written);
        isIPv6 = written == 16;
        return isIPv6
            ? BinaryPrimitives.ReadUInt128BigEndian(octets)
            : BinaryPrimitives.ReadUInt32BigEndian(octets);
    }
}
