using System.Diagnostics;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Says which mailbox is visited next: those it was told of, those whose back-off is short, those that the sweep finds.
/// Each mailbox is visited by one at a time, takes a few rows and queues again behind the others, so that one with
/// very many rows costs the others nothing. It holds names of mailboxes only; the rows stay in the store. Mailboxes
/// whose home is another node are left to that.
/// </summary>
internal sealed class SpoolActor(
    SpoolCourier courier, ISpoolStore store, SpoolOptions options, SpoolMetrics metrics, IShardHomes homes)
    : Actor<SpoolMessage>
{
    private readonly Queue<(MailboxId Mailbox, bool Works)> _ready = [];
    private readonly HashSet<MailboxId> _queued = [];

    // Told of while under way; true: comes again at its end.
    private readonly Dictionary<MailboxId, bool> _visited = [];
    private readonly PriorityQueue<MailboxId, long> _resting = new();
    private bool _isSweeping;
    private bool _sweepsAgain;
    private long _swept;
    private MailboxId? _sweepFrom;

    protected internal override void Started()
    {
        // What an earlier process left.
        Sweep();
        Context.SetTimer(SpoolMessage.Tick.Instance, options.MinBackoff);
    }

    protected internal override void Receive(SpoolMessage message)
    {
        switch (message)
        {
            case SpoolMessage.Arrived arrived:
                foreach (var mailbox in arrived.Mailboxes)
                {
                    Enqueue(mailbox, works: false);
                }

                break;
            case SpoolMessage.Visited visited:
                OnVisited(visited);
                break;
            case SpoolMessage.Swept swept:
                OnSwept(swept);
                break;
            case SpoolMessage.HomesArrived:
                _sweepFrom = null;
                _sweepsAgain = _isSweeping;
                if (!_isSweeping)
                {
                    Sweep();
                }

                break;
            case SpoolMessage.Tick:
                OnTick();
                break;
            default:
                throw new UnreachableException();
        }

        VisitReady();
    }

    private void OnTick()
    {
        Context.SetTimer(SpoolMessage.Tick.Instance, options.MinBackoff);
        var now = Context.Time.GetTimestamp();
        while (_resting.TryPeek(out var mailbox, out var until) && until <= now)
        {
            _resting.Dequeue();
            Enqueue(mailbox, works: false);
        }

        if (!_isSweeping && Context.Time.GetElapsedTime(_swept) >= options.SweepInterval)
        {
            Sweep();
        }
    }

    private void OnVisited(SpoolMessage.Visited visited)
    {
        var isAskedFor = _visited.Remove(visited.Mailbox, out var again) && again;
        if (visited.End == VisitEnd.More || isAskedFor)
        {
            Enqueue(visited.Mailbox, works: visited.End != VisitEnd.Failed);
        }
        else if (visited.End == VisitEnd.Failed && visited.RetryAfter < options.SweepInterval
            && _resting.Count < options.ReadyMax)
        {
            // Sooner than a sweep would find it; longer waits are the sweep's.
            var rest = visited.RetryAfter.TotalSeconds * Context.Time.TimestampFrequency;
            _resting.Enqueue(visited.Mailbox, Context.Time.GetTimestamp() + (long)rest);
        }
    }

    private void OnSwept(SpoolMessage.Swept swept)
    {
        _isSweeping = false;
        metrics.Oldest = swept.Oldest;
        if (swept.Mailboxes is not { } found)
        {
            _sweepsAgain = false;
            return;
        }

        foreach (var mailbox in found.Due)
        {
            Enqueue(mailbox, works: false);
        }

        if (_sweepsAgain)
        {
            _sweepsAgain = false;
            Sweep();
            return;
        }

        _sweepFrom = found.Next;
        if (_sweepFrom is not null && _queued.Count + options.SweepPage <= options.ReadyMax)
        {
            Sweep();
        }
    }

    /// <summary>From where the last one came to; with a full queue the next tick goes on there.</summary>
    private void Sweep()
    {
        _isSweeping = true;
        _swept = Context.Time.GetTimestamp();
        _ = SweepAsync(Context.Self, _sweepFrom, Context.Time.GetUtcNow());
    }

    private async Task SweepAsync(ActorRef<SpoolMessage> self, MailboxId? from, DateTimeOffset now)
    {
        SpoolMessage.Swept swept;
        try
        {
            var oldest = await store.FindOldestAsync(CancellationToken.None);
            swept = new(
                await store.ListMailboxesAsync(from, now, options.SweepPage, CancellationToken.None), oldest);
        }
        catch (Exception failure)
        {
            // Whatever it is, the actor has to hear of it: it sweeps again.
            courier.ReadFailed(failure);
            swept = new(null, metrics.Oldest);
        }

        self.Notify(swept);
    }

    private void Enqueue(MailboxId mailbox, bool works)
    {
        if (!IsHome(mailbox))
        {
            return;
        }

        if (_visited.ContainsKey(mailbox))
        {
            _visited[mailbox] = true;
        }
        else if (_queued.Count < options.ReadyMax && _queued.Add(mailbox))
        {
            _ready.Enqueue((mailbox, works));
        }
    }

    private bool IsHome(MailboxId mailbox) => homes.Find(ShardId.Of(mailbox)).Kind == HomeKind.Here;

    private void VisitReady()
    {
        while (_visited.Count < options.VisitsMax && _ready.TryDequeue(out var next))
        {
            _queued.Remove(next.Mailbox);
            if (!IsHome(next.Mailbox))
            {
                continue;
            }

            _visited.Add(next.Mailbox, false);
            _ = VisitAsync(Context.Self, next.Mailbox, next.Works);
        }
    }

    private async Task VisitAsync(ActorRef<SpoolMessage> self, MailboxId mailbox, bool works)
    {
        SpoolMessage.Visited visited;
        try
        {
            visited = await courier.VisitAsync(mailbox, works);
        }
        catch (Exception failure)
        {
            // The mailbox is still in the store and due; the sweep comes back to it.
            courier.ReadFailed(failure);
            visited = new(mailbox, VisitEnd.Failed, options.SweepInterval);
        }

        self.Notify(visited);
    }
}
