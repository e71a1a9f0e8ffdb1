using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>Who waits for a shard to have another home, or for its home to be reached; bounded.</summary>
internal sealed class HomeWaits(ActorSystem system, IShardHomes homes, int most)
{
    private readonly Lock _gate = new();
    private readonly List<Wait> _waits = [];

    /// <summary>Until the home is another one than was seen, it is linked anew, or the time is over.</summary>
    /// <exception cref="AskFailedException">Too many wait already, or the node ends.</exception>
    public async ValueTask UntilAsync(ShardId shard, ShardHome seen, TimeSpan time)
    {
        var ask = PendingAsk<bool>.Open(system, out var reply);
        var wait = new Wait(shard, seen, reply);
        if (!TryAdd(wait))
        {
            reply.Fail(AskFailure.MailboxFull);
        }
        else if (homes.Find(shard) != seen)
        {
            reply.Reply(true);
        }

        try
        {
            await ask.Answer(time);
        }
        catch (AskFailedException failure) when (failure.Why == AskFailure.DeadlinePassed)
        {
            // The pause is over.
        }
        finally
        {
            Remove(wait);
        }
    }

    public void HomesChanged() => Wake(wait => homes.Find(wait.Shard) != wait.Seen);

    public void Linked(NodePeer peer) => Wake(wait => wait.Seen.Kind == HomeKind.There && wait.Seen.Peer == peer);

    private bool TryAdd(Wait wait)
    {
        lock (_gate)
        {
            if (_waits.Count >= most)
            {
                return false;
            }

            wait.Place = _waits.Count;
            _waits.Add(wait);
            return true;
        }
    }

    private void Remove(Wait wait)
    {
        lock (_gate)
        {
            if (wait.Place < 0)
            {
                return;
            }

            var last = _waits[^1];
            _waits[wait.Place] = last;
            last.Place = wait.Place;
            _waits.RemoveAt(_waits.Count - 1);
            wait.Place = -1;
        }
    }

    private void Wake(Func<Wait, bool> isOver)
    {
        Wait[] woken;
        lock (_gate)
        {
            if (_waits.Count == 0)
            {
                return;
            }

            woken = [.. _waits.Where(isOver)];
        }

        foreach (var wait in woken)
        {
            wait.Reply.Reply(true);
        }
    }

    private sealed class Wait(ShardId shard, ShardHome seen, ReplyTo<bool> reply)
    {
        public ShardId Shard => shard;

        public ShardHome Seen => seen;

        public ReplyTo<bool> Reply => reply;

        /// <summary>-1: it does not wait.</summary>
        public int Place { get; set; } = -1;
    }
}
