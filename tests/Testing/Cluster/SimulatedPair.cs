using Google.Protobuf;
using MailCluster.Actors.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// The link between two nodes: there when both expect each other and nothing keeps them apart. A side that has not
/// noticed its end yet sends into nothing.
/// </summary>
internal sealed class SimulatedPair(SimulatedNetwork network, SimulatedLinks one, SimulatedLinks other)
{
    private const int Lanes = 2;

    private readonly Side _one = new(one, other);
    private readonly Side _other = new(other, one);
    private bool _isBlocked;
    private bool _isConnected;
    private bool _isConnecting;
    private int _version;

    public SimulatedLinks One => one;

    public SimulatedLinks Other => other;

    public bool Has(SimulatedLinks node) => ReferenceEquals(node, one) || ReferenceEquals(node, other);

    public SimulatedLinks OtherThan(SimulatedLinks node) => ReferenceEquals(node, one) ? other : one;

    public bool IsToldUp(SimulatedLinks node) => Of(node).IsToldUp;

    public bool TrySend(SimulatedLinks from, IMessage frame, LinkLane lane)
    {
        var side = Of(from);
        if (!side.IsToldUp || frame.CalculateSize() > LinkFrames.OctetsMax)
        {
            return false;
        }

        var octets = frame.ToByteArray();
        if (!_isConnected)
        {
            network.Lost++;
            return true;
        }

        if (side.OctetsOnTheWay + octets.Length > network.QueueOctetsMax)
        {
            return false;
        }

        side.OctetsOnTheWay += octets.Length;
        side.OnTheWay[(int)lane].Enqueue(octets);
        var due = network.Scheduler.Time.Now + network.Latency + network.Draw(network.Jitter);
        due = due > side.LastDue[(int)lane] ? due : side.LastDue[(int)lane];
        side.LastDue[(int)lane] = due;
        var version = _version;
        network.Scheduler.PostAfter(due - network.Scheduler.Time.Now, () => Arrive(side, lane, version));
        return true;
    }

    /// <summary>Something has changed: comes up or goes down when it should.</summary>
    public void Look()
    {
        var isWanted = !_isBlocked && one.Expects(other.Self) && other.Expects(one.Self);
        if (!isWanted && _isConnected)
        {
            Break(network.Latency);
        }
        else if (isWanted && !_isConnected && !_isConnecting && !_one.IsToldUp && !_other.IsToldUp)
        {
            _isConnecting = true;
            network.Scheduler.PostAfter(network.Reconnect + network.Draw(network.Reconnect), Connect);
        }
    }

    /// <summary>What is on its way is lost; the sides notice within so long.</summary>
    public void Break(TimeSpan notice)
    {
        _isConnected = false;
        _version++;
        foreach (var side in new[] { _one, _other })
        {
            network.Lost += side.OnTheWay.Sum(queue => queue.Count);
            side.Clear();
            if (side.IsToldUp)
            {
                network.Scheduler.PostAfter(network.Draw(notice), () => TellDown(side));
            }
        }
    }

    public void Block()
    {
        _isBlocked = true;
        if (_isConnected)
        {
            Break(network.Silence);
        }
    }

    public void Unblock()
    {
        _isBlocked = false;
        Look();
    }

    private Side Of(SimulatedLinks node) => ReferenceEquals(node, one) ? _one : _other;

    private void Connect()
    {
        _isConnecting = false;
        if (_isBlocked || !one.Expects(other.Self) || !other.Expects(one.Self) || _one.IsToldUp || _other.IsToldUp)
        {
            return;
        }

        _isConnected = true;
        foreach (var side in new[] { _one, _other })
        {
            network.Scheduler.Post(() => TellUp(side));
        }
    }

    private void TellUp(Side side)
    {
        if (!side.IsToldUp && _isConnected)
        {
            side.IsToldUp = true;
            var peer = side.Peer.Self;
            side.Node.Tell(listener => listener.Up(peer, wireVersion: 1));
        }
    }

    private void TellDown(Side side)
    {
        if (side.IsToldUp)
        {
            side.IsToldUp = false;
            var peer = side.Peer.Self;
            side.Node.Tell(listener => listener.Down(peer));
        }

        Look();
    }

    private void Arrive(Side from, LinkLane lane, int version)
    {
        if (version != _version)
        {
            return;
        }

        var octets = from.OnTheWay[(int)lane].Dequeue();
        from.OctetsOnTheWay -= octets.Length;
        network.Arrived[(int)lane]++;
        network.ArrivedOctets[(int)lane] += octets.Length;
        var to = Of(from.Peer);
        TellUp(to);
        to.Node.Tell(listener => listener.Received(from.Node.Self, octets));
    }

    private sealed class Side(SimulatedLinks node, SimulatedLinks peer)
    {
        public SimulatedLinks Node => node;

        public SimulatedLinks Peer => peer;

        public bool IsToldUp { get; set; }

        public long OctetsOnTheWay { get; set; }

        public Queue<byte[]>[] OnTheWay { get; } = [new(), new()];

        public TimeSpan[] LastDue { get; } = new TimeSpan[Lanes];

        public void Clear()
        {
            OctetsOnTheWay = 0;
            foreach (var queue in OnTheWay)
            {
                queue.Clear();
            }
        }
    }
}
