using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>What a node heard on its links, in order; and that nobody told it two things at once per peer.</summary>
internal sealed class HeardFrames : ILinkListener
{
    private readonly ConcurrentQueue<string> _events = new();
    private readonly ConcurrentDictionary<NodeId, int> _inside = new();
    private long _frames;

    public IReadOnlyList<string> Events => [.. _events];

    public long Frames => Interlocked.Read(ref _frames);

    /// <summary>Calls that overlapped another for the same peer; the promise is 0.</summary>
    public int Overlaps { get; private set; }

    /// <summary>On the thread of the link. Null: frames are kept as events.</summary>
    public Action<NodePeer, ReadOnlyMemory<byte>>? OnFrame { get; set; }

    public void Up(NodePeer peer, int wireVersion) => Once(peer, () =>
        _events.Enqueue(FormattableString.Invariant($"up {peer.Id.Value}.{peer.Incarnation.Value} v{wireVersion}")));

    public void Down(NodePeer peer) => Once(peer, () =>
        _events.Enqueue(FormattableString.Invariant($"down {peer.Id.Value}.{peer.Incarnation.Value}")));

    public void Received(NodePeer from, ReadOnlyMemory<byte> frame) => Once(from, () =>
    {
        Interlocked.Increment(ref _frames);
        if (OnFrame is { } handle)
        {
            handle(from, frame);
        }
        else
        {
            _events.Enqueue(StringValue.Parser.ParseFrom(frame.Span).Value);
        }
    });

    public int Count(string what) => _events.Count(heard => heard == what);

    private void Once(NodePeer peer, Action call)
    {
        if (_inside.AddOrUpdate(peer.Id, 1, static (_, calls) => calls + 1) != 1)
        {
            Overlaps++;
        }

        try
        {
            call();
        }
        finally
        {
            _inside.AddOrUpdate(peer.Id, 0, static (_, calls) => calls - 1);
        }
    }
}
