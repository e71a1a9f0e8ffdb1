using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What is to be sent to one node: shards to be reported, each once, and what was moved to it.</summary>
internal sealed class ReportQueue(NodePeer to)
{
    /// <summary>Small, as asks of other connections stand behind it.</summary>
    public const int FrameOctets = 8 * 1024;

    /// <summary>A source's part without its connections: fields and lengths.</summary>
    private const int SourceOctets = 32;
    private const int ConnectionOctets = 10;

    private readonly Queue<int> _shards = [];
    private readonly bool[] _isQueued = new bool[MailboxId.Shards];
    private readonly Queue<Envelope> _moved = [];
    private List<(HomeKey Source, long Connection)>? _rows;
    private int _at;

    public NodePeer To => to;

    public bool IsEmpty => _moved.Count == 0 && _shards.Count == 0;

    public void Add(int shard)
    {
        if (!_isQueued[shard])
        {
            _isQueued[shard] = true;
            _shards.Enqueue(shard);
        }
        else if (_rows is not null && _shards.Peek() == shard)
        {
            // It is being sent, so what has come since is to be sent once more: from its beginning.
            _rows = null;
        }
    }

    public void Add(Envelope moved) => _moved.Enqueue(moved);

    public void Clear()
    {
        _moved.Clear();
        while (_shards.TryDequeue(out var shard))
        {
            _isQueued[shard] = false;
        }

        _rows = null;
    }

    /// <summary>
    /// The next frame. Within <see cref="HeldPermits.Gate"/> until it is sent; if it cannot be, <see cref="PutBack"/>.
    /// </summary>
    public Envelope Next(HeldPermits held)
    {
        if (_moved.TryDequeue(out var moved))
        {
            return moved;
        }

        var report = new PermitReport();
        var octets = 0;
        while (octets < FrameOctets && _shards.TryPeek(out var shard))
        {
            var isFirst = _rows is null;
            if (isFirst)
            {
                (_rows, _at) = (held.Of(new ShardId(0, shard)), 0);
            }

            if (isFirst && _rows!.Count == 0)
            {
                report.Empty.Add((uint)shard);
                octets += 2;
            }
            else
            {
                var part = new ShardPermits { Shard = (uint)shard, IsFirst = isFirst };
                octets += Fill(part, held, FrameOctets - octets);
                part.IsLast = _at == _rows!.Count;
                report.Shards.Add(part);
            }

            if (_at == _rows.Count)
            {
                _rows = null;
                _shards.Dequeue();
                _isQueued[shard] = false;
            }
        }

        return new Envelope { PermitReport = report };
    }

    /// <summary>It was not sent: its shards are reported from their beginning.</summary>
    public void PutBack(Envelope frame)
    {
        if (frame.PermitReport is not { } report)
        {
            // It spares the new home an overshoot that is bounded anyway.
            return;
        }

        _rows = null;
        foreach (var shard in report.Empty)
        {
            Add((int)shard);
        }

        foreach (var part in report.Shards)
        {
            Add((int)part.Shard);
        }
    }

    private int Fill(ShardPermits part, HeldPermits held, int room)
    {
        var octets = SourceOctets;
        HomeKey? last = null;
        SourcePermits? row = null;
        for (; _at < _rows!.Count && octets < room; _at++)
        {
            var (source, connection) = _rows[_at];
            if (held.FindLocked(source, connection) is not { } permit)
            {
                continue;
            }

            if (row is null || last != source || row.Binding != permit.Binding)
            {
                (last, row) = (source, new SourcePermits { Subject = source.ToWire(), Binding = permit.Binding });
                part.Sources.Add(row);
                octets += SourceOctets + permit.Binding.Length;
            }

            var connections = permit.AskedAt is not { } home ? row.Held
                : home == to ? row.Asked : row.AskedElsewhere;
            connections.Add(connection);
            octets += ConnectionOctets;
        }

        return octets;
    }
}
