using System.Buffers;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Wire;

namespace MailCluster.Frontend.Admin;

/// <summary>
/// Takes one message from a request's body: a head in memory, everything behind it staged in chunks while it arrives,
/// as <see cref="Edge.BodySpool"/> does with SMTP's. Octets pass as they are.
/// </summary>
/// <param name="headOctetsMax">What stands behind is staged.</param>
internal sealed class UploadedBody(BodyStaging staging, int headOctetsMax) : IDisposable
{
    /// <summary>Above it no number of octets fits: WireOctets may be more than what is stored.</summary>
    public const long OctetsMax = uint.MaxValue / 2;

    private byte[] _head = ArrayPool<byte>.Shared.Rent(headOctetsMax);
    private WireOctetCounter _wire;
    private int _headLength;

    public BodyId Body => staging.Body;

    /// <summary>Valid until disposal.</summary>
    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _headLength);

    public int Chunks { get; private set; }

    public long Octets { get; private set; }

    public uint WireOctets => (uint)_wire.Total(finish: true);

    /// <summary>
    /// False: the store did not take a chunk, or the message is larger than <see cref="OctetsMax"/>; not all was read.
    /// </summary>
    public async ValueTask<bool> TryReadAsync(Stream content, CancellationToken cancellationToken)
    {
        _headLength = await content.ReadAtLeastAsync(
            _head.AsMemory(0, headOctetsMax), headOctetsMax, throwOnEndOfStream: false, cancellationToken);
        Count(_head.AsSpan(0, _headLength));
        return _headLength < headOctetsMax || await TryReadRestAsync(content, cancellationToken);
    }

    /// <summary>The staged chunks are not wanted.</summary>
    public void Discard() => staging.Discard();

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_head);
        _head = [];
        _headLength = 0;
    }

    private async ValueTask<bool> TryReadRestAsync(Stream content, CancellationToken cancellationToken)
    {
        var chunk = ArrayPool<byte>.Shared.Rent(BodyLayout.ChunkOctets);
        try
        {
            while (true)
            {
                var length = await content.ReadAtLeastAsync(
                    chunk.AsMemory(0, BodyLayout.ChunkOctets), BodyLayout.ChunkOctets, throwOnEndOfStream: false,
                    cancellationToken);
                if (length == 0)
                {
                    return true;
                }

                Count(chunk.AsSpan(0, length));
                if (Octets > OctetsMax
                    || await staging.StageAsync(Chunks + 1, chunk.AsMemory(0, length), CancellationToken.None)
                        != CommitOutcome.Committed)
                {
                    return false;
                }

                Chunks++;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }
    }

    private void Count(ReadOnlySpan<byte> octets)
    {
        Octets += octets.Length;
        _wire.Add(octets);
    }
}
