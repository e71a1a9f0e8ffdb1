using System.Collections.Immutable;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Delivery;

/// <summary>
/// Which rows of this node's mailboxes other nodes wait for. Bounded: at the bound the oldest one is forgotten, and its
/// session waits for its delay.
/// </summary>
internal sealed class ForeignWaits(int most)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<MailboxId, List<(SpoolId Row, NodePeer Peer)>> _byMailbox = [];
    private readonly Queue<(MailboxId Mailbox, SpoolId Row)> _age = [];
    private int _count;

    public void Add(SpoolId row, MailboxId mailbox, NodePeer peer)
    {
        lock (_gate)
        {
            while (_age.Count >= most)
            {
                var (oldest, oldestRow) = _age.Dequeue();
                Remove(oldest, oldestRow);
            }

            if (!_byMailbox.TryGetValue(mailbox, out var rows))
            {
                rows = [];
                _byMailbox.Add(mailbox, rows);
            }

            if (!rows.Contains((row, peer)))
            {
                rows.Add((row, peer));
                _count++;
                _age.Enqueue((mailbox, row));
            }
        }
    }

    public ImmutableArray<SpoolId> Of(MailboxId mailbox)
    {
        lock (_gate)
        {
            return _byMailbox.TryGetValue(mailbox, out var rows) ? [.. rows.Select(static row => row.Row)] : [];
        }
    }

    /// <summary>They have ended: who waits for which.</summary>
    public List<(NodePeer Peer, List<long> Rows)> Take(MailboxId mailbox, ReadOnlySpan<SpoolId> ended)
    {
        List<(NodePeer Peer, List<long> Rows)> taken = [];
        lock (_gate)
        {
            if (!_byMailbox.TryGetValue(mailbox, out var rows))
            {
                return taken;
            }

            foreach (var row in ended)
            {
                if (Remove(mailbox, row) is not { } peer)
                {
                    continue;
                }

                var at = taken.FindIndex(group => group.Peer == peer);
                if (at < 0)
                {
                    at = taken.Count;
                    taken.Add((peer, []));
                }

                taken[at].Rows.Add(row.Value);
            }

            if (_count == 0)
            {
                _age.Clear();
            }
        }

        return taken;
    }

    public void Drop(NodePeer peer)
    {
        lock (_gate)
        {
            foreach (var (mailbox, row) in _age.ToArray())
            {
                if (_byMailbox.TryGetValue(mailbox, out var rows) && rows.Contains((row, peer)))
                {
                    Remove(mailbox, row);
                }
            }
        }
    }

    private NodePeer? Remove(MailboxId mailbox, SpoolId row)
    {
        if (!_byMailbox.TryGetValue(mailbox, out var rows))
        {
            return null;
        }

        var at = rows.FindIndex(entry => entry.Row == row);
        if (at < 0)
        {
            return null;
        }

        var peer = rows[at].Peer;
        rows.RemoveAt(at);
        _count--;
        if (rows.Count == 0)
        {
            _byMailbox.Remove(mailbox);
        }

        return peer;
    }
}
