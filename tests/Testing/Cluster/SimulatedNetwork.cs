using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// The links between the nodes of one run, in virtual time. Frames are octets on their way; those of one lane and
/// direction arrive in order or are lost with their link. Every choice is drawn from the seed.
/// </summary>
public sealed class SimulatedNetwork(SeededScheduler scheduler, int seed = 1)
{
    private readonly Random _random = new(seed);
    private readonly List<SimulatedLinks> _nodes = [];
    private readonly List<SimulatedPair> _pairs = [];

    /// <summary>One way, before the jitter.</summary>
    public TimeSpan Latency { get; set; } = TimeSpan.FromMicroseconds(100);

    /// <summary>Up to so much more, drawn per frame.</summary>
    public TimeSpan Jitter { get; set; } = TimeSpan.FromMicroseconds(100);

    /// <summary>From an end of a link to the next one, up to twice that.</summary>
    public TimeSpan Reconnect { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>After so long a side notices that nothing comes through any more.</summary>
    public TimeSpan Silence { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Octets on their way in one direction at most; a send beyond is refused (back-pressure).</summary>
    public int QueueOctetsMax { get; set; } = 4 * 1024 * 1024;

    /// <summary>Frames that have arrived, by lane.</summary>
    public int[] Arrived { get; } = new int[2];

    /// <summary>Octets of frames that have arrived, by lane.</summary>
    public long[] ArrivedOctets { get; } = new long[2];

    public int Lost { get; internal set; }

    internal SeededScheduler Scheduler => scheduler;

    /// <summary>A node's side of all its links; a restarted node gets another.</summary>
    public SimulatedLinks Start(NodePeer self)
    {
        var node = new SimulatedLinks(this, self);
        foreach (var other in _nodes)
        {
            _pairs.Add(new SimulatedPair(this, other, node));
        }

        _nodes.Add(node);
        return node;
    }

    /// <summary>The process ends: it hears nothing more, and its peers hear of the end of their links.</summary>
    public void Crash(NodePeer peer)
    {
        var node = _nodes.Find(node => node.Self == peer);
        if (node is null)
        {
            return;
        }

        node.IsCrashed = true;
        _nodes.Remove(node);
        foreach (var pair in _pairs.FindAll(pair => pair.Has(node)))
        {
            pair.Break(Latency);
            _pairs.Remove(pair);
        }
    }

    /// <summary>Breaks the connection; it comes back by itself.</summary>
    public void Cut(NodeId one, NodeId other) => Of(one, other).ForEach(pair => pair.Break(Latency));

    /// <summary>Nothing goes through between these; both notice after <see cref="Silence"/>.</summary>
    public void Partition(NodeId one, NodeId other) => Of(one, other).ForEach(pair => pair.Block());

    public void Heal(NodeId one, NodeId other) => Of(one, other).ForEach(pair => pair.Unblock());

    /// <summary>The process stands: what comes for it waits; others notice nothing until they lose patience.</summary>
    public void Pause(NodePeer peer) => _nodes.Find(node => node.Self == peer)!.IsPaused = true;

    public void Resume(NodePeer peer) => _nodes.Find(node => node.Self == peer)!.Resume();

    internal SimulatedPair? Find(SimulatedLinks from, NodePeer to) =>
        _pairs.Find(pair => pair.Has(from) && pair.OtherThan(from).Self == to);

    internal void Look(SimulatedLinks node) => _pairs.FindAll(pair => pair.Has(node)).ForEach(pair => pair.Look());

    internal TimeSpan Draw(TimeSpan upTo) => TimeSpan.FromTicks(_random.NextInt64(upTo.Ticks + 1));

    private List<SimulatedPair> Of(NodeId one, NodeId other) => _pairs.FindAll(
        pair => (pair.One.Self.Id == one && pair.Other.Self.Id == other)
            || (pair.One.Self.Id == other && pair.Other.Self.Id == one));
}
