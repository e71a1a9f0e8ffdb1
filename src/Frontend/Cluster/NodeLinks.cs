using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;
using Microsoft.AspNetCore.Connections;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// Links to all expected peers over TCP: who has the higher id dials. In order: <see cref="Listen"/>, <see
/// cref="Join"/> with what the node got from the store (again when it gets a new incarnation), <see cref="Expect"/>
/// whenever the table changes, and <see cref="AcceptAsync"/> for what comes to the port.
/// </summary>
internal sealed class NodeLinks : INodeLinks, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly LinkSurroundings _around;
    private readonly LinkCredentials? _credentials;
    private readonly LinkDialer _dialer;
    private readonly LinkAcceptor _acceptor;
    private readonly ITimer _timer;

    /// <summary>One per node id that was ever expected: as many as the table of nodes has rows.</summary>
    private readonly Dictionary<NodeId, SemaphoreSlim> _turnstiles = [];
    private readonly List<Task> _dialling = [];
    private ImmutableSortedDictionary<NodeId, PeerSlot> _slots = ImmutableSortedDictionary<NodeId, PeerSlot>.Empty;
    private ImmutableArray<NodeRow> _expected = [];
    private LinkIdentity? _self;
    private bool _isDisposed;

    /// <summary>Throws <see cref="Edge.CertificateException"/> when links cannot be under TLS as configured.</summary>
    public NodeLinks(LinkOptions options, TimeProvider time, IMeterFactory meters, ILogger<NodeLinks> log)
    {
        _around = new(options, time, new LinkMetrics(meters), log, new LinkTable());
        _credentials = options.Tls is { } files ? new LinkCredentials(files, time, log) : null;
        _dialer = new(_around, _credentials);
        _acceptor = new(_around, _credentials, _dialer, () => Volatile.Read(ref _self), Find);
        var tick = options.SilenceMax / NodeLink.SilenceTicks;
        _timer = time.CreateTimer(_ => Tick(), null, tick, tick);
    }

    /// <summary>All expected peers, ascending by id.</summary>
    public ImmutableArray<LinkStatus> Status =>
        [.. Volatile.Read(ref _slots).Values.Select(slot => slot.Status)];

    public void Listen(ILinkListener listener) => _around.Listener = listener;

    /// <summary>
    /// Who this node is from now on. Under another identity all links end, and those expected come back under it.
    /// </summary>
    public void Join(LinkIdentity self)
    {
        lock (_gate)
        {
            foreach (var slot in _slots.Values)
            {
                slot.Retire(LinkEnd.Leaving);
            }

            Volatile.Write(ref _slots, ImmutableSortedDictionary<NodeId, PeerSlot>.Empty);
            Volatile.Write(ref _self, self);
            Settle();
        }
    }

    public void Expect(ImmutableArray<NodeRow> others)
    {
        lock (_gate)
        {
            _expected = others;
            Settle();
        }
    }

    public bool IsUp(NodePeer peer) => _around.Table.Find(peer) is not null;

    public bool TrySend(NodePeer to, IMessage frame, LinkLane lane = LinkLane.Asks)
    {
        if (_around.Table.Find(to) is not { } link)
        {
            _around.Metrics.FrameRefused("no_link");
            return false;
        }

        var octets = frame.CalculateSize();
        if (octets > LinkFrames.OctetsMax)
        {
            _around.Metrics.FrameRefused("too_long");
            return false;
        }

        if (!link.TrySend(frame, octets, lane))
        {
            _around.Metrics.FrameRefused("full");
            return false;
        }

        return true;
    }

    /// <summary>One connection to the port of links, until it is over.</summary>
    public async Task AcceptAsync(ConnectionContext transport)
    {
        // The server stops: what it has accepted says Goodbye instead of being cut.
        var stopping = transport.Features
            .Get<Microsoft.AspNetCore.Connections.Features.IConnectionLifetimeNotificationFeature>()?
            .ConnectionClosedRequested ?? CancellationToken.None;
        await using var registration = stopping.Register(Leave).ConfigureAwait(false);
        await _acceptor.RunAsync(transport).ConfigureAwait(false);
    }

    /// <summary>Says Goodbye to everyone and expects nobody any more.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _isDisposed = true;
            foreach (var slot in _slots.Values)
            {
                slot.Retire(LinkEnd.Leaving);
            }

            Volatile.Write(ref _slots, ImmutableSortedDictionary<NodeId, PeerSlot>.Empty);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Leave();
        Task[] dialling;
        SemaphoreSlim[] turnstiles;
        lock (_gate)
        {
            dialling = [.. _dialling];
            turnstiles = [.. _turnstiles.Values];
        }

        await Task.WhenAll(dialling).ConfigureAwait(false);
        foreach (var turnstile in turnstiles)
        {
            await turnstile.WaitAsync().ConfigureAwait(false);
        }

        await _timer.DisposeAsync().ConfigureAwait(false);
        _credentials?.Dispose();
        _dialer.Dispose();
    }

    private PeerSlot? Find(int node) => Volatile.Read(ref _slots).GetValueOrDefault(new NodeId(node));

    private void Tick()
    {
        foreach (var slot in Volatile.Read(ref _slots).Values)
        {
            slot.Tick();
        }
    }

    /// <summary>Makes the slots those that are expected; whoever stays keeps its link.</summary>
    private void Settle()
    {
        if (_self is not { } self || _isDisposed)
        {
            return;
        }

        var wanted = _expected.Where(row => row.State != NodeState.Down && row.Id != self.Self.Id)
            .ToImmutableSortedDictionary(row => row.Id, row => row);
        var next = ImmutableSortedDictionary.CreateBuilder<NodeId, PeerSlot>();
        foreach (var slot in _slots.Values)
        {
            if (wanted.TryGetValue(slot.Peer.Id, out var row) && row.Incarnation == slot.Peer.Incarnation)
            {
                slot.Row = row;
                next.Add(row.Id, slot);
            }
            else
            {
                slot.Retire(LinkEnd.NotExpected);
            }
        }

        _dialling.RemoveAll(task => task.IsCompleted);
        List<PeerSlot> dialled = [];
        foreach (var row in wanted.Values.Where(row => !next.ContainsKey(row.Id)))
        {
            if (!_turnstiles.TryGetValue(row.Id, out var turnstile))
            {
                _turnstiles.Add(row.Id, turnstile = new(1));
            }

            var slot = new PeerSlot(row, self, turnstile, _around, new());
            next.Add(row.Id, slot);
            if (slot.Dials)
            {
                dialled.Add(slot);
            }
        }

        Volatile.Write(ref _slots, next.ToImmutable());
        _dialling.AddRange(dialled.Select(slot => Task.Run(() => _dialer.RunAsync(slot))));
    }
}
