using System.Buffers;
using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;

namespace MailCluster.Frontend.Cluster;

/// <summary>Whole frames, one behind the other.</summary>
internal sealed class FrameBlock(byte[] octets)
{
    public byte[] Octets { get; } = octets;

    public int Length { get; set; }

    /// <summary>Pings and the like are not counted.</summary>
    public int Frames { get; set; }

    public ReadOnlySpan<byte> Written => Octets.AsSpan(0, Length);
}

/// <summary>
/// Frames of one lane in blocks of 16 KiB from the shared pool, which trims itself; a frame that is larger than one
/// gets a block of its own. Not for several threads at once.
/// </summary>
/// <param name="octetsMax">That wait; headers count.</param>
internal sealed class FrameLane(int octetsMax, int framesMax)
{
    public const int BlockOctets = 16 * 1024;

    private readonly Queue<FrameBlock> _blocks = new();
    private FrameBlock? _last;
    private int _octets;
    private int _frames;

    public bool IsEmpty => _blocks.Count == 0;

    public bool HasRoomFor(int octets) =>
        _frames < framesMax && _octets + LinkFraming.HeaderOctets + octets <= octetsMax;

    /// <param name="message">Null: the frame is its header.</param>
    public void Append(LinkFrameKind kind, IMessage? message, int octets)
    {
        var whole = LinkFraming.HeaderOctets + octets;
        var block = _last is not null && _last.Octets.Length - _last.Length >= whole
            ? _last
            : new(ArrayPool<byte>.Shared.Rent(Math.Max(whole, BlockOctets)));
        var frame = block.Octets.AsSpan(block.Length, whole);
        LinkFraming.WriteHeader(frame, kind, octets);
        // If this throws, the block's length has not changed and the frame has never been.
        message?.WriteTo(frame[LinkFraming.HeaderOctets..]);
        block.Length += whole;
        _octets += whole;
        if (kind is LinkFrameKind.Ask or LinkFrameKind.Bulk)
        {
            block.Frames++;
            _frames++;
        }

        if (block != _last)
        {
            _blocks.Enqueue(block);
            _last = block;
        }
    }

    public FrameBlock? Take()
    {
        if (!_blocks.TryDequeue(out var block))
        {
            return null;
        }

        _octets -= block.Length;
        _frames -= block.Frames;
        if (block == _last)
        {
            _last = null;
        }

        return block;
    }

    /// <summary>On any thread.</summary>
    public static void GiveBack(FrameBlock block) => ArrayPool<byte>.Shared.Return(block.Octets);
}
