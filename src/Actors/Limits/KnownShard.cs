using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What the home of a shard knows of other nodes' permits, under one epoch. Guarded by who keeps it.</summary>
internal sealed class KnownShard(ShardEpoch shard, long since, IEqualityComparer<HomeKey> comparer)
{
    private readonly List<Peer> _peers = [];
    private readonly Dictionary<HomeKey, KnownSource> _sources = new(comparer);
    private HashSet<HomeKey>? _waitingSet;
    private List<HomeKey>? _waiting;
    private volatile int _count;
    private volatile ShardStanding _standing = ShardStanding.Gathering;
    private long _round;

    public ShardEpoch Shard => shard;

    /// <summary>A timestamp: when it became the home.</summary>
    public long Since => since;

    /// <summary>Permits of other nodes. Any thread.</summary>
    public int Count => _count;

    /// <summary>Any thread.</summary>
    public ShardStanding Standing => _standing;

    public IEnumerable<(HomeKey Source, KnownSource Known)> Sources => _sources.Select(one => (one.Key, one.Value));

    public IEnumerable<NodePeer> Awaited =>
        _peers.Where(peer => peer.IsAwaited && !peer.HasReported).Select(peer => peer.Who);

    /// <summary>Permits of nodes that were asked for a report and have not sent it.</summary>
    public int CountOfSilent => _sources.Values.Sum(
        source => _peers.Where(peer => peer.IsAwaited && !peer.HasReported).Sum(peer => source.CountOf(peer.Who)));

    /// <summary>Who was awaited, reported, or was granted something.</summary>
    public IEnumerable<NodePeer> Holders => _peers.Select(peer => peer.Who);

    /// <summary>Whose permits are known, by themselves or by a former home.</summary>
    public IEnumerable<NodePeer> Heard =>
        _peers.Where(peer => peer.HasReported || peer.IsVouched || !peer.IsAwaited).Select(peer => peer.Who);

    public void Await(NodePeer peer) => Of(peer).IsAwaited = true;

    public KnownSource? Find(HomeKey source) => _sources.GetValueOrDefault(source);

    /// <summary>Its actor is woken when the standing is another.</summary>
    public void Wait(HomeKey source)
    {
        if ((_waitingSet ??= new(comparer)).Add(source))
        {
            (_waiting ??= []).Add(source);
        }
    }

    public void Grant(HomeKey source, string binding, Permit permit)
    {
        Of(permit.Holder);
        Put(source, permit, new KnownPermit(binding, _round, IsGranted: true));
    }

    public bool Remove(HomeKey source, Permit permit) =>
        Find(source) is { } known && Forget(source, known, known.Remove(permit));

    public void BeginReport(NodePeer from) => Of(from).Round = ++_round;

    private void Report(HomeKey source, Permit permit, string binding, bool isGranted)
    {
        var before = Find(source)?.Find(permit);
        Put(source, permit, new KnownPermit(binding, _round, isGranted || before is { IsGranted: true }));
    }

    /// <summary>It may be granted here, or an answer is on its way: what is known of it stays.</summary>
    private void Touch(HomeKey source, Permit permit)
    {
        if (Find(source) is { } known && known.Find(permit) is { } before)
        {
            known.Put(permit, before with { Round = _round });
        }
    }

    /// <param name="freed">Gets the sources that hold less now.</param>
    public void EndReport(NodePeer from, List<HomeKey> freed)
    {
        var peer = Of(from);
        if (peer.Round == 0)
        {
            return;
        }

        RemoveBefore(from, peer.Round, freed);
        peer.Round = 0;
        peer.HasReported = true;
    }

    /// <summary>The link broke: the rest of its report does not come.</summary>
    public void BreakReport(NodePeer from)
    {
        if (_peers.Find(peer => peer.Who == from) is { } peer)
        {
            peer.Round = 0;
        }
    }

    /// <summary>A part of what a node holds, as it says itself.</summary>
    public void Apply(NodePeer from, ShardPermits part, List<HomeKey> freed)
    {
        if (part.IsFirst)
        {
            BeginReport(from);
        }

        foreach (var row in part.Sources)
        {
            if (HomeKey.Of(row.Subject) is not { } source)
            {
                continue;
            }

            foreach (var connection in row.Held)
            {
                Report(source, new Permit(from, connection), row.Binding, isGranted: true);
            }

            foreach (var connection in row.AskedElsewhere)
            {
                Report(source, new Permit(from, connection), row.Binding, isGranted: false);
            }

            foreach (var connection in row.Asked)
            {
                Touch(source, new Permit(from, connection));
            }
        }

        if (part.IsLast)
        {
            EndReport(from, freed);
        }
    }

    /// <summary>A former home's word on a node, of use while that has not spoken for itself.</summary>
    public void Adopt(NodePeer holder, IEnumerable<SourcePermits> rows)
    {
        var peer = Of(holder);
        peer.IsVouched = true;
        if (peer.HasReported)
        {
            return;
        }

        foreach (var row in rows)
        {
            if (HomeKey.Of(row.Subject) is not { } source)
            {
                continue;
            }

            foreach (var connection in row.Held)
            {
                Report(source, new Permit(holder, connection), row.Binding, isGranted: true);
            }
        }
    }

    /// <summary>Its lease has ended.</summary>
    public void Bury(NodePeer holder, List<HomeKey> freed)
    {
        RemoveBefore(holder, long.MaxValue, freed);
        _peers.RemoveAll(peer => peer.Who == holder);
    }

    /// <summary>Judges anew; gives who waits when the answer is there.</summary>
    /// <param name="isPatient">Reports are waited for still.</param>
    public List<HomeKey> Settle(bool isPatient)
    {
        var isSilent = _peers.Any(peer => peer.IsAwaited && !peer.HasReported);
        if (isSilent && isPatient && _standing == ShardStanding.Gathering)
        {
            return [];
        }

        _standing = _peers.Any(peer => peer.IsAwaited && !peer.HasReported && !peer.IsVouched)
            ? ShardStanding.Partial
            : ShardStanding.Complete;
        return TakeWaiting();
    }

    public List<HomeKey> TakeWaiting()
    {
        var waiting = _waiting ?? [];
        (_waiting, _waitingSet) = (null, null);
        return waiting;
    }

    private void RemoveBefore(NodePeer holder, long round, List<HomeKey> freed)
    {
        foreach (var (source, known) in _sources.ToArray())
        {
            if (Forget(source, known, known.RemoveBefore(holder, round)))
            {
                freed.Add(source);
            }
        }
    }

    private void Put(HomeKey source, Permit permit, KnownPermit known)
    {
        if (!_sources.TryGetValue(source, out var all))
        {
            _sources[source] = all = new KnownSource();
        }

        _count += all.Put(permit, known);
    }

    private bool Forget(HomeKey source, KnownSource known, int removed)
    {
        _count -= removed;
        if (known.Count == 0)
        {
            _sources.Remove(source);
        }

        return removed > 0;
    }

    private Peer Of(NodePeer who)
    {
        var peer = _peers.Find(peer => peer.Who == who);
        if (peer is null)
        {
            _peers.Add(peer = new Peer(who));
        }

        return peer;
    }

    private sealed class Peer(NodePeer who)
    {
        public NodePeer Who => who;

        /// <summary>It was up when the shard came.</summary>
        public bool IsAwaited { get; set; }

        public bool HasReported { get; set; }

        public bool IsVouched { get; set; }

        /// <summary>Of the report that is coming in; 0: none.</summary>
        public long Round { get; set; }
    }
}
