using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// The asks that wait for the answers of one node. An ask's name is its place and how often places have been given, so
/// that an answer which comes late finds nobody.
/// </summary>
internal sealed class PeerAsks(int most)
{
    private const int PlaceBits = 20;

    private readonly Lock _gate = new();
    private readonly List<(ulong Name, ReplyTo<Envelope> Reply)> _places = [];
    private readonly Stack<int> _free = [];
    private ulong _given;
    private bool _isDown;

    /// <summary>The ask's name; 0: the bound is reached. Null: the link is down, another object is for it.</summary>
    public ulong? Add(ReplyTo<Envelope> reply)
    {
        lock (_gate)
        {
            if (_isDown)
            {
                return null;
            }

            if (!_free.TryPop(out var place))
            {
                if (_places.Count == most)
                {
                    return 0;
                }

                place = _places.Count;
                _places.Add(default);
            }

            var name = (++_given << PlaceBits) | (uint)place;
            _places[place] = (name, reply);
            return name;
        }
    }

    /// <summary>False: it does not wait any more.</summary>
    public bool TryTake(ulong name, out ReplyTo<Envelope> reply)
    {
        lock (_gate)
        {
            var place = (int)(name & ((1 << PlaceBits) - 1));
            if (name == 0 || place >= _places.Count || _places[place].Name != name)
            {
                reply = default;
                return false;
            }

            reply = _places[place].Reply;
            _places[place] = default;
            _free.Push(place);
            return true;
        }
    }

    /// <summary>What was asked may have been handled or not.</summary>
    public void Down()
    {
        List<(ulong Name, ReplyTo<Envelope> Reply)> places;
        lock (_gate)
        {
            _isDown = true;
            places = [.. _places];
            _places.Clear();
            _free.Clear();
        }

        foreach (var (_, reply) in places)
        {
            reply.Fail(AskFailure.Interrupted);
        }
    }
}
