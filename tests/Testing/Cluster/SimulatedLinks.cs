using System.Collections.Immutable;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>One node's side of a <see cref="SimulatedNetwork"/>.</summary>
public sealed class SimulatedLinks : INodeLinks
{
    private readonly SimulatedNetwork _network;
    private readonly List<Action> _held = [];
    private ImmutableArray<NodePeer> _expected = [];
    private ILinkListener? _listener;

    internal SimulatedLinks(SimulatedNetwork network, NodePeer self)
    {
        _network = network;
        Self = self;
    }

    public NodePeer Self { get; }

    internal bool IsCrashed { get; set; }

    internal bool IsPaused { get; set; }

    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks) =>
        !IsCrashed && _network.Find(this, to) is { } pair && pair.TrySend(this, frame, lane);

    public bool IsUp(NodePeer peer) => _network.Find(this, peer)?.IsToldUp(this) == true;

    public void Expect(ImmutableArray<NodeRow> others) =>
        Expect([.. others.Where(other => other.State != NodeState.Down).Select(other => other.Peer)]);

    /// <summary>As <see cref="Expect(ImmutableArray{NodeRow})"/>, where nobody has rows.</summary>
    public void Expect(ImmutableArray<NodePeer> others)
    {
        _expected = others.Remove(Self);
        _network.Look(this);
    }

    public void Listen(ILinkListener listener) => _listener = listener;

    internal bool Expects(NodePeer peer) => !IsCrashed && _expected.Contains(peer);

    internal void Tell(Action<ILinkListener> tell)
    {
        if (IsCrashed)
        {
            return;
        }

        if (IsPaused)
        {
            _held.Add(() => Tell(tell));
        }
        else if (_listener is not null)
        {
            tell(_listener);
        }
    }

    internal void Resume()
    {
        IsPaused = false;
        _network.Scheduler.Post(() =>
        {
            // What was held comes in its order, as from a socket's buffer.
            var held = _held.ToArray();
            _held.Clear();
            foreach (var action in held)
            {
                action();
            }
        });
    }
}
