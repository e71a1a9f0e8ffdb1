using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What a home knows of the permits that other nodes hold of one source.</summary>
internal sealed class KnownSource
{
    private readonly Dictionary<Permit, KnownPermit> _permits = [];
    private BindingTally _tally;

    public int Count => _permits.Count;

    public int Of(string binding) => _tally.Of(binding);

    public KnownPermit? Find(Permit permit) => _permits.TryGetValue(permit, out var known) ? known : null;

    /// <summary>How many more there are.</summary>
    public int Put(Permit permit, KnownPermit known)
    {
        var change = 1 - Remove(permit);
        _permits[permit] = known;
        _tally.Add(known.Binding, 1);
        return change;
    }

    /// <summary>How many were removed: 0 or 1.</summary>
    public int Remove(Permit permit)
    {
        if (!_permits.Remove(permit, out var known))
        {
            return 0;
        }

        _tally.Add(known.Binding, -1);
        return 1;
    }

    /// <summary>Those of one holder that were last named before a round. How many were removed.</summary>
    public int RemoveBefore(NodePeer holder, long round)
    {
        List<Permit>? gone = null;
        foreach (var (permit, known) in _permits)
        {
            if (permit.Holder == holder && known.Round < round)
            {
                (gone ??= []).Add(permit);
            }
        }

        gone?.ForEach(permit => Remove(permit));
        return gone?.Count ?? 0;
    }

    public int CountOf(NodePeer holder) => _permits.Keys.Count(permit => permit.Holder == holder);

    public IEnumerable<(Permit Permit, KnownPermit Known)> All => _permits.Select(one => (one.Key, one.Value));
}

/// <param name="Binding">What it counts for.</param>
/// <param name="Round">The shard's newest report when it was last named.</param>
/// <param name="IsGranted">
/// False: asked of another home, whose answer its holder did not have yet. It counts, but is no grant of this home.
/// </param>
internal readonly record struct KnownPermit(string Binding, long Round, bool IsGranted);
