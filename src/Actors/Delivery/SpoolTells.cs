using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// What nodes tell each other of the spool: who accepted a message tells the homes of its mailboxes which rows are
/// there, and they tell back which have ended, so that the 250 waits no longer than it must: not at all for a home that
/// cannot be told. A tell that is lost costs only that wait, for homes sweep.
/// </summary>
internal sealed class SpoolTells
{
    private const int HopsMax = 2;

    private readonly Lock _gate = new();
    private readonly SortedDictionary<long, (MailboxId Mailbox, NodePeer Told)> _awaited = [];
    private readonly ForeignWaits _foreign;
    private readonly ShardAsks? _asks;
    private readonly AcknowledgementWaits _waits;
    private readonly SpoolOptions _options;
    private readonly SpoolMetrics _metrics;
    private readonly Action<ImmutableArray<MailboxId>> _wake;

    /// <param name="asks">Null: a lone node.</param>
    /// <param name="wake">Has these mailboxes of this node visited.</param>
    public SpoolTells(
        ShardAsks? asks,
        AcknowledgementWaits waits,
        SpoolOptions options,
        SpoolMetrics metrics,
        Action<ImmutableArray<MailboxId>> wake)
    {
        _asks = asks;
        _waits = waits;
        _options = options;
        _metrics = metrics;
        _wake = wake;
        _foreign = new ForeignWaits(options.ForeignRowsMax);
        if (asks is not null)
        {
            asks.Handle(Envelope.BodyOneofCase.SpoolArrived, OnArrived);
            asks.Handle(Envelope.BodyOneofCase.SpoolEnded, OnEnded);
            asks.Homes.Changed += OnHomesChanged;
            asks.LinkDown += _foreign.Drop;
        }
    }

    /// <summary>Rows of these are due; nobody waits for them.</summary>
    public void Wake(ImmutableArray<MailboxId> mailboxes)
    {
        if (_asks is null)
        {
            _wake(mailboxes);
        }
        else
        {
            Tell([.. mailboxes.Select(static mailbox => (mailbox, 0L))], _asks.Homes.Self, hops: 0);
        }
    }

    /// <summary>These rows are committed.</summary>
    /// <param name="isAwaited">A session waits for their end.</param>
    public void Committed(ImmutableArray<SpoolId> rows, ImmutableArray<MailboxId> mailboxes, bool isAwaited)
    {
        if (_asks is null)
        {
            _wake(mailboxes);
            return;
        }

        var told = rows.Zip(mailboxes, static (row, mailbox) => (mailbox, row.Value)).ToImmutableArray();
        if (isAwaited)
        {
            lock (_gate)
            {
                foreach (var (mailbox, row) in told)
                {
                    _awaited[row] = (mailbox, default);
                }
            }
        }

        Tell(told, _asks.Homes.Self, hops: 0);
    }

    /// <summary>Nobody waits for these any more.</summary>
    public void Forget(ImmutableArray<SpoolId> rows)
    {
        if (_asks is null)
        {
            return;
        }

        lock (_gate)
        {
            foreach (var row in rows)
            {
                _awaited.Remove(row.Value);
            }
        }
    }

    /// <summary>These rows of one mailbox are gone from the spool, or given up.</summary>
    public void Ended(MailboxId mailbox, ReadOnlySpan<SpoolId> rows)
    {
        foreach (var row in rows)
        {
            _waits.Ended(row);
        }

        if (_asks is null)
        {
            return;
        }

        foreach (var group in _foreign.Take(mailbox, rows))
        {
            var ended = new SpoolEnded();
            ended.Rows.AddRange(group.Rows);
            _asks.Tell(group.Peer, new Envelope { SpoolEnded = ended });
        }
    }

    /// <summary>Rows of a mailbox whose end other nodes wait for.</summary>
    public ImmutableArray<SpoolId> ForeignRows(MailboxId mailbox) => _foreign.Of(mailbox);

    /// <summary>To the homes, or to this node's own visits.</summary>
    private void Tell(ImmutableArray<(MailboxId Mailbox, long Row)> rows, NodePeer acceptor, uint hops)
    {
        List<MailboxId> here = [];
        SortedDictionary<(NodeId, Incarnation), SpoolArrived> there = [];
        foreach (var (mailbox, row) in rows)
        {
            var home = _asks!.Homes.Find(ShardId.Of(mailbox));
            if (home.Kind == HomeKind.Here)
            {
                here.Add(mailbox);
                if (acceptor != _asks.Homes.Self && row != 0)
                {
                    _foreign.Add(new SpoolId(row), mailbox, acceptor);
                }
            }
            else if (home.Kind == HomeKind.There)
            {
                Note(row, home.Peer);
                Add(there, home.Peer, mailbox, row, acceptor, hops);
            }
        }

        if (here.Count > 0)
        {
            _wake([.. here]);
        }

        foreach (var ((node, incarnation), arrived) in there)
        {
            Send(new NodePeer(node, incarnation), arrived);
        }
    }

    private void Add(
        SortedDictionary<(NodeId, Incarnation), SpoolArrived> there, NodePeer peer, MailboxId mailbox, long row,
        NodePeer acceptor, uint hops)
    {
        if (!there.TryGetValue((peer.Id, peer.Incarnation), out var arrived))
        {
            arrived = new SpoolArrived
            {
                Node = acceptor.Id.Value, Incarnation = acceptor.Incarnation.Value, Hops = hops,
            };
            there.Add((peer.Id, peer.Incarnation), arrived);
        }

        arrived.Mailboxes.Add(mailbox.Value);
        arrived.Rows.Add(row);
        if (arrived.Rows.Count == _options.RowsPerTell)
        {
            Send(peer, arrived);
            there.Remove((peer.Id, peer.Incarnation));
        }
    }

    private void Send(NodePeer peer, SpoolArrived arrived)
    {
        if (_asks!.Tell(peer, new Envelope { SpoolArrived = arrived }))
        {
            _metrics.Told(arrived.Rows.Count);
            return;
        }

        // Who cannot be told cannot tell back either: the message is durable, and its 250 would wait for nothing.
        foreach (var row in arrived.Rows)
        {
            _waits.Ended(new SpoolId(row));
        }
    }

    private void Note(long row, NodePeer told)
    {
        lock (_gate)
        {
            if (_awaited.TryGetValue(row, out var awaited))
            {
                _awaited[row] = awaited with { Told = told };
            }
        }
    }

    private void OnArrived(RemoteAsk tell)
    {
        var arrived = tell.Envelope.SpoolArrived;
        if (arrived.Mailboxes.Count == arrived.Rows.Count && arrived.Hops <= HopsMax)
        {
            Tell(
                [.. arrived.Mailboxes.Zip(arrived.Rows, static (mailbox, row) => (new MailboxId(mailbox), row))],
                new NodePeer(new(arrived.Node), new(arrived.Incarnation)),
                arrived.Hops + 1);
        }
    }

    private void OnEnded(RemoteAsk tell)
    {
        foreach (var row in tell.Envelope.SpoolEnded.Rows)
        {
            _waits.Ended(new SpoolId(row));
        }
    }

    /// <summary>A new home knows nothing of who waits.</summary>
    private void OnHomesChanged()
    {
        List<(MailboxId Mailbox, long Row)> moved = [];
        lock (_gate)
        {
            foreach (var (row, (mailbox, told)) in _awaited)
            {
                var home = _asks!.Homes.Find(ShardId.Of(mailbox));
                if ((home.Kind == HomeKind.There && home.Peer != told)
                    || (home.Kind == HomeKind.Here && told != _asks.Homes.Self))
                {
                    moved.Add((mailbox, row));
                }
            }

            foreach (var (mailbox, row) in moved)
            {
                _awaited[row] = (mailbox, _asks!.Homes.Self);
            }
        }

        if (moved.Count > 0)
        {
            Tell([.. moved], _asks!.Homes.Self, hops: 0);
        }
    }
}
