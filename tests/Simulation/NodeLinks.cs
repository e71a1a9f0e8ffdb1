using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation;

/// <summary>
/// A process's links: what comes over them waits in the socket while the process stands; under a new incarnation all of
/// them are made anew.
/// </summary>
internal sealed class NodeLinks : INodeLinks
{
    private readonly SimulatedNetwork _network;
    private readonly SimulatedProcess _process;
    private SimulatedLinks _inner;
    private Listener? _listener;
    private ImmutableArray<NodeRow> _expected = [];

    public NodeLinks(SimulatedNetwork network, NodePeer self, SimulatedProcess process)
    {
        _network = network;
        _process = process;
        _inner = network.Start(self);
    }

    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks) => _inner.TrySend(to, frame, lane);

    public bool IsUp(NodePeer peer) => _inner.IsUp(peer);

    public void Expect(ImmutableArray<NodeRow> others)
    {
        _expected = others;
        _inner.Expect(others);
    }

    public void Listen(ILinkListener listener)
    {
        _listener = new Listener(listener, _process);
        _inner.Listen(_listener);
    }

    public void Take(NodePeer self)
    {
        if (self != _inner.Self)
        {
            // Those that it had are closed, and their ends heard of here too.
            var before = _inner;
            foreach (var peer in _expected.Select(row => row.Peer).Where(before.IsUp))
            {
                _listener?.Down(peer);
            }

            Crash();
            _inner = _network.Start(self);
            if (_listener is not null)
            {
                _inner.Listen(_listener);
            }

            _inner.Expect(_expected);
        }
    }

    public void Crash() => _network.Crash(_inner.Self);

    private sealed class Listener(ILinkListener listener, SimulatedProcess process) : ILinkListener
    {
        public void Up(NodePeer peer, int wireVersion) => process.Deliver(() => listener.Up(peer, wireVersion));

        public void Down(NodePeer peer) => process.Deliver(() => listener.Down(peer));

        public void Received(NodePeer from, ReadOnlyMemory<byte> frame) =>
            process.Deliver(() => listener.Received(from, frame));
    }
}
