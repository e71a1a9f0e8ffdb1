using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// Snapshots on their way to other nodes, in parts and only as fast as they are read. A snapshot is a value, so it goes
/// on when its mailbox moves; bounded in number, and one that nobody reads is given up.
/// </summary>
internal sealed class MaildropStreams
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<(NodePeer Peer, ulong Stream), Outgoing> _outgoing =
        new(Comparer<(NodePeer Peer, ulong Stream)>.Create(Compare));
    private readonly ShardAsks _asks;
    private readonly MaildropLinkOptions _options;
    private readonly MaildropMetrics _metrics;

    public MaildropStreams(ShardAsks asks, MaildropLinkOptions options, MaildropMetrics metrics)
    {
        _asks = asks;
        _options = options;
        _metrics = metrics;
        metrics.Observe(() => Count);
        asks.Handle(Envelope.BodyOneofCase.MaildropCredit, OnCredit);
        asks.LinkDown += OnLinkDown;
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _outgoing.Count;
            }
        }
    }

    /// <summary>False: too many are under way.</summary>
    /// <param name="first">Written already, in a buffer of this stream's.</param>
    public bool TryBegin(NodePeer peer, OpenMaildrop open, MaildropPartWriter rest, ReadOnlyMemory<byte> first)
    {
        var outgoing = new Outgoing(peer, open.Stream, rest, (int)Math.Min(open.Parts, (uint)_options.PartsAhead));
        lock (_gate)
        {
            if (_outgoing.Count >= _options.StreamsMax || !_outgoing.TryAdd((peer, open.Stream), outgoing))
            {
                return false;
            }
        }

        _ = SendAsync(outgoing, first);
        return true;
    }

    private static int Compare((NodePeer Peer, ulong Stream) one, (NodePeer Peer, ulong Stream) other)
    {
        var order = one.Peer.Id.CompareTo(other.Peer.Id);
        order = order != 0 ? order : one.Peer.Incarnation.CompareTo(other.Peer.Incarnation);
        return order != 0 ? order : one.Stream.CompareTo(other.Stream);
    }

    private async Task SendAsync(Outgoing outgoing, ReadOnlyMemory<byte> first)
    {
        var part = first;
        var buffer = new byte[_options.PartOctets];
        try
        {
            while (true)
            {
                await TakeCreditAsync(outgoing);
                await SendPartAsync(outgoing, part);
                if (outgoing.Rest.IsAtEnd)
                {
                    return;
                }

                part = buffer.AsMemory(0, outgoing.Rest.Write(buffer));
            }
        }
        catch (AskFailedException)
        {
            _metrics.GivenUp();
            _asks.Tell(outgoing.Peer, Part(outgoing, default), LinkLane.Bulk);
        }
        finally
        {
            lock (_gate)
            {
                _outgoing.Remove((outgoing.Peer, outgoing.Stream));
            }
        }
    }

    /// <exception cref="AskFailedException">Nobody reads it any more.</exception>
    private async ValueTask TakeCreditAsync(Outgoing outgoing)
    {
        while (!outgoing.TryTake())
        {
            var ask = PendingAsk<bool>.Open(_asks.System, out var reply);
            outgoing.Wait(reply);
            await ask.Answer(_options.StreamPatience);
        }
    }

    /// <exception cref="AskFailedException">The link is gone, or takes nothing for too long.</exception>
    private async ValueTask SendPartAsync(Outgoing outgoing, ReadOnlyMemory<byte> part)
    {
        var since = _asks.System.Time.GetTimestamp();
        while (!_asks.Tell(outgoing.Peer, Part(outgoing, part), LinkLane.Bulk))
        {
            if (outgoing.IsOver || !_asks.Links.IsUp(outgoing.Peer)
                || _asks.System.Time.GetElapsedTime(since) > _options.StreamPatience)
            {
                throw new AskFailedException(AskFailure.Interrupted);
            }

            await Task.Delay(_options.SendPause, _asks.System.Time);
        }

        _metrics.Sent(part.Length);
    }

    /// <summary>Serialised within the send, so that the memory can be used again after it.</summary>
    private static Envelope Part(Outgoing outgoing, ReadOnlyMemory<byte> part) => new()
    {
        MaildropPart = new MaildropPart
        {
            Stream = outgoing.Stream, Part = UnsafeByteOperations.UnsafeWrap(part),
        },
    };

    private void OnCredit(RemoteAsk tell)
    {
        var credit = tell.Envelope.MaildropCredit;
        Outgoing? outgoing;
        lock (_gate)
        {
            _outgoing.TryGetValue((tell.From, credit.Stream), out outgoing);
        }

        outgoing?.Give((int)Math.Min(credit.Parts, (uint)_options.PartsAhead));
    }

    private void OnLinkDown(NodePeer peer)
    {
        Outgoing[] gone;
        lock (_gate)
        {
            gone = [.. _outgoing.Values.Where(outgoing => outgoing.Peer == peer)];
        }

        foreach (var outgoing in gone)
        {
            outgoing.Give(0);
        }
    }

    /// <param name="credit">Parts that may be sent; never more than may be ahead.</param>
    private sealed class Outgoing(NodePeer peer, ulong stream, MaildropPartWriter rest, int credit)
    {
        private readonly Lock _gate = new();
        private ReplyTo<bool> _waiting;
        private int _credit = credit;
        private bool _isOver;

        public NodePeer Peer => peer;

        public ulong Stream => stream;

        public MaildropPartWriter Rest => rest;

        public bool IsOver => Volatile.Read(ref _isOver);

        /// <exception cref="AskFailedException">It is over.</exception>
        public bool TryTake()
        {
            lock (_gate)
            {
                if (_isOver)
                {
                    throw new AskFailedException(AskFailure.Interrupted);
                }

                return _credit > 0 && _credit-- > 0;
            }
        }

        public void Wait(ReplyTo<bool> reply)
        {
            lock (_gate)
            {
                _waiting = reply;
                if (_credit > 0 || _isOver)
                {
                    reply.Reply(true);
                }
            }
        }

        /// <param name="parts">0: no more are wanted.</param>
        public void Give(int parts)
        {
            lock (_gate)
            {
                _isOver |= parts == 0;
                _credit += parts;
                _waiting.Reply(true);
            }
        }
    }
}
