using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Tells homes at other nodes what this node's connections hold, and asks other nodes for the same when a home is new
/// here. Frames are small and paced, since asks of connections stand behind them.
/// </summary>
internal sealed class PermitCourier(
    ShardAsks asks, HeldPermits held, KnownPermits known, LimitPeers peers, SourceLimitOptions options,
    LimitsMetrics metrics) : Actor<CourierMessage>
{
    /// <summary>For one node at a time; with <see cref="ReportQueue.FrameOctets"/> 6 MB/s.</summary>
    private const int FramesPerPace = 8;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan GatherLook = TimeSpan.FromMilliseconds(50);

    private readonly List<ReportQueue> _queues = [];
    private readonly ShardHome[] _homes = new ShardHome[MailboxId.Shards];
    private bool _isPacing;
    private bool _isLooking;

    protected internal override void Started()
    {
        Context.SetTimer(new CourierMessage.ReportAll(), options.ReportInterval);

        // A new instance does not know what the one before it had to do.
        LookAtGathering();
        ReportAll();
        Send();
    }

    protected internal override void Receive(CourierMessage message)
    {
        switch (message)
        {
            case CourierMessage.HomesChanged:
                ReportChanged();
                break;
            case CourierMessage.Linked linked:
                ReportTo(linked.Peer);
                Want(Enumerable.Range(0, MailboxId.Shards), linked.Peer);
                break;
            case CourierMessage.Wanted wanted:
                foreach (var shard in wanted.Shards)
                {
                    QueueOf(wanted.Peer).Add(shard);
                }

                break;
            case CourierMessage.Gather gather:
                Want(gather.Shards, null);
                LookLater();
                break;
            case CourierMessage.Moved moved:
                foreach (var part in moved.Parts)
                {
                    QueueOf(moved.To).Add(part);
                }

                break;
            case CourierMessage.ReportAll:
                Context.SetTimer(message, options.ReportInterval);
                ReportAll();
                break;
            case CourierMessage.SendMore:
                _isPacing = false;
                break;
            case CourierMessage.LookAtGathering:
                _isLooking = false;
                LookAtGathering();
                break;
            default:
                throw new InvalidOperationException($"The courier does not know {message.GetType()}.");
        }

        Send();
    }

    private void ReportAll()
    {
        for (var shard = 0; shard < MailboxId.Shards; shard++)
        {
            if (HomeOf(shard) is { Kind: HomeKind.There } home)
            {
                QueueOf(home.Peer).Add(shard);
            }
        }
    }

    private void ReportTo(NodePeer peer)
    {
        for (var shard = 0; shard < MailboxId.Shards; shard++)
        {
            if (HomeOf(shard) is { Kind: HomeKind.There } home && home.Peer == peer)
            {
                QueueOf(peer).Add(shard);
            }
        }
    }

    private void ReportChanged()
    {
        for (var shard = 0; shard < MailboxId.Shards; shard++)
        {
            var home = HomeOf(shard);
            if (home.Kind == HomeKind.There && home != _homes[shard])
            {
                QueueOf(home.Peer).Add(shard);
            }

            _homes[shard] = home;
        }
    }

    /// <param name="only">Null: everybody who has not reported.</param>
    private void Want(IEnumerable<int> shards, NodePeer? only)
    {
        foreach (var wanted in known.Awaited(shards).GroupBy(one => one.Peer, one => (uint)one.Shard))
        {
            if (only is null || only == wanted.Key)
            {
                asks.Tell(wanted.Key, new Envelope { WantPermits = new WantPermits { Shards = { wanted } } });
            }
        }
    }

    private void LookAtGathering()
    {
        peers.Settle(known.LosePatience(out var gathering));
        if (!gathering.IsEmpty)
        {
            Want(gathering, null);
            LookLater();
        }
    }

    private void LookLater()
    {
        if (!_isLooking)
        {
            _isLooking = true;
            Context.SetTimer(new CourierMessage.LookAtGathering(), GatherLook);
        }
    }

    private void Send()
    {
        if (_isPacing)
        {
            return;
        }

        var isRest = false;
        foreach (var queue in _queues)
        {
            for (var frames = 0; frames < FramesPerPace && !queue.IsEmpty; frames++)
            {
                if (!TrySend(queue))
                {
                    break;
                }
            }

            isRest |= !queue.IsEmpty;
        }

        _queues.RemoveAll(queue => queue.IsEmpty && !asks.Links.IsUp(queue.To));
        if (isRest)
        {
            _isPacing = true;
            Context.SetTimer(new CourierMessage.SendMore(), Pace);
        }
    }

    private bool TrySend(ReportQueue queue)
    {
        if (!asks.Links.IsUp(queue.To))
        {
            // All is reported when it is.
            queue.Clear();
            return false;
        }

        lock (held.Gate)
        {
            var frame = queue.Next(held);
            if (asks.Tell(queue.To, frame))
            {
                metrics.ReportSent();
                return true;
            }

            queue.PutBack(frame);
            return false;
        }
    }

    private ShardHome HomeOf(int shard) => asks.Homes.Find(new ShardId(0, shard));

    private ReportQueue QueueOf(NodePeer peer)
    {
        var queue = _queues.Find(queue => queue.To == peer);
        if (queue is null)
        {
            _queues.Add(queue = new ReportQueue(peer));
        }

        return queue;
    }
}
