using System.Buffers.Binary;
using System.Net;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>Where connections come from: addresses in turn; PROXY v2 headers name many more.</summary>
internal sealed class SourcePool
{
    private readonly SocketAddress?[] _sources;
    private readonly uint _proxiedFirst;
    private readonly int _proxied;
    private int _next;
    private uint _nextProxied;

    /// <param name="skipped">Addresses of the plan's block that others use.</param>
    public SourcePool(SourcePlan plan, int skipped = 0)
    {
        _sources = plan.Addresses == 0 ? [null] : new SocketAddress?[plan.Addresses];
        for (var index = 0; index < plan.Addresses; index++)
        {
            var address = new IPAddress(Octets(Number(plan.First) + (uint)(skipped + index)));
            _sources[index] = new IPEndPoint(address, 0).Serialize();
        }

        _proxied = plan.Proxied;
        _proxiedFirst = Number(plan.ProxiedFirst);
    }

    public int Count => _sources.Length;

    public bool IsProxied => _proxied > 0;

    /// <summary>The next in turn, so that each has its share.</summary>
    public SocketAddress? Next()
    {
        _next = _next + 1 == _sources.Length ? 0 : _next + 1;
        return _sources[_next];
    }

    /// <summary>A PROXY v2 header for TCP over IPv4 (28 octets) that names the next source.</summary>
    public void WriteHeader(Span<byte> header)
    {
        ReadOnlySpan<byte> start =
            [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12];
        start.CopyTo(header);
        BinaryPrimitives.WriteUInt32BigEndian(header[16..], _proxiedFirst + _nextProxied);
        BinaryPrimitives.WriteUInt32BigEndian(header[20..], 0x7F000001);
        BinaryPrimitives.WriteUInt16BigEndian(header[24..], (ushort)(1024 + (_nextProxied % 60000)));
        BinaryPrimitives.WriteUInt16BigEndian(header[26..], 25);
        _nextProxied = _nextProxied + 1 == _proxied ? 0 : _nextProxied + 1;
    }

    public const int HeaderSize = 28;

    private static uint Number(IPAddress address) => BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    private static byte[] Octets(uint number)
    {
        var octets = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(octets, number);
        return octets;
    }
}
