using System.Buffers;
using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// One link after both Hellos, until its end: one loop that reads and hands on, one that writes what waits. All of the
/// listener's calls for the peer come from the reading one.
/// </summary>
internal sealed class NodeLink
{
    /// <summary>So much is put into one write to the connection, if it waits.</summary>
    private const int FlushOctets = 64 * 1024;

    /// <summary>Steps in which silence is counted, see <see cref="Tick"/>.</summary>
    public const int SilenceTicks = 12;

    private readonly PeerSlot _slot;
    private readonly LinkConnection _connection;
    private readonly LinkSurroundings _around;
    private readonly FrameQueue _queue;
    private readonly int _pingTicks;
    private readonly bool _isDialled;
    private readonly Hello _hello;
    private byte[] _whole = [];
    private int _end = -1;
    private int _silence;
    private int _quiet;
    private bool _isUp;

    /// <param name="isDialled">By this node. Otherwise it is up with the peer's first frame.</param>
    public NodeLink(
        PeerSlot slot, int wireVersion, Hello hello, LinkConnection connection, bool isDialled,
        LinkSurroundings around)
    {
        _slot = slot;
        WireVersion = wireVersion;
        _hello = hello;
        _connection = connection;
        _isDialled = isDialled;
        _around = around;
        _queue = new(around.Options.WaitingOctetsMax, around.Options.WaitingFramesMax);
        _pingTicks = (int)Math.Clamp(
            SilenceTicks * (around.Options.PingInterval / around.Options.SilenceMax), 1, SilenceTicks / 2);
    }

    public NodePeer Peer => _slot.Peer;

    public int WireVersion { get; }

    /// <summary>Null: it is not up.</summary>
    public DateTimeOffset? UpSince { get; private set; }

    /// <summary>Serialises at once. False: at its bound, or ending.</summary>
    public bool TrySend(IMessage frame, int octets, LinkLane lane) => _queue.TryAppend(frame, octets, lane);

    /// <summary>
    /// <see cref="SilenceTicks"/> times in <see cref="LinkOptions.SilenceMax"/>. Counted instead of timed: a process
    /// that stood still itself has missed the ticks as well, and does not take its peers for dead.
    /// </summary>
    public void Tick()
    {
        if (Interlocked.Increment(ref _silence) > SilenceTicks)
        {
            Abort(LinkEnd.Silent);
        }
        else if (Interlocked.Increment(ref _quiet) >= _pingTicks)
        {
            _queue.AppendPing();
        }
    }

    /// <summary>At once; what waits is lost. The first reason counts.</summary>
    public void Abort(LinkEnd end)
    {
        Interlocked.CompareExchange(ref _end, (int)end, -1);
        _queue.Discard();
        _connection.Abort();
    }

    /// <summary>
    /// Sends what waits and the Goodbye, and ends; after <see cref="LinkOptions.GoodbyeTimeout"/> without.
    /// </summary>
    public void Close(LinkEnd end)
    {
        Interlocked.CompareExchange(ref _end, (int)end, -1);
        _queue.Close(new Goodbye
        {
            Reason = end == LinkEnd.NotExpected ? GoodbyeReason.NotExpected : GoodbyeReason.Leaving,
        });
        _ = AbortLaterAsync(end);
    }

    /// <summary>Completes after the listener has been told <see cref="ILinkListener.Down"/>; never fails.</summary>
    public async Task<LinkEnd> RunAsync()
    {
        var writing = WriteAsync();
        try
        {
            if (_isDialled)
            {
                _queue.AppendPing();
                Rise();
            }

            await ReadAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (IsOfTheConnection(e))
        {
            Interlocked.CompareExchange(ref _end, (int)LinkEnd.Lost, -1);
        }
        catch (Exception e)
        {
            LinkLog.ListenerFault(_around.Log, Peer.Id.Value, e);
            Interlocked.CompareExchange(ref _end, (int)LinkEnd.ListenerFault, -1);
        }

        Interlocked.CompareExchange(ref _end, (int)LinkEnd.Lost, -1);
        Abort((LinkEnd)_end);
        await writing.ConfigureAwait(false);
        return Fall((LinkEnd)_end);
    }

    private static bool IsOfTheConnection(Exception e) =>
        e is IOException or OperationCanceledException or ObjectDisposedException
            or Microsoft.AspNetCore.Connections.ConnectionAbortedException;

    private async Task AbortLaterAsync(LinkEnd end)
    {
        await Task.Delay(_around.Options.GoodbyeTimeout, _around.Time).ConfigureAwait(false);
        Abort(end);
    }

    private void Rise()
    {
        _isUp = true;
        UpSince = _around.Time.GetUtcNow();
        _around.Metrics.Up(_slot.Rise());
        LinkLog.Up(
            _around.Log, Peer.Id.Value, _slot.Row.Name, Peer.Incarnation.Value, WireVersion, _hello.ProgramVersion);
        _around.Table.Add(this);
        _around.Listener.Up(Peer, WireVersion);
    }

    private LinkEnd Fall(LinkEnd end)
    {
        _around.Table.Remove(this);
        UpSince = null;
        if (_isUp)
        {
            _around.Metrics.Down(end);
            LinkLog.Down(
                _around.Log, LinkEnds.IsPlanned(end) ? LogLevel.Information : LogLevel.Warning, Peer.Id.Value,
                Peer.Incarnation.Value, end);
            try
            {
                _around.Listener.Down(Peer);
            }
            catch (Exception e)
            {
                LinkLog.ListenerFault(_around.Log, Peer.Id.Value, e);
            }
        }

        return end;
    }

    private async Task ReadAsync()
    {
        while (true)
        {
            var read = await _connection.Input.ReadAsync().ConfigureAwait(false);
            var buffer = read.Buffer;
            if (!buffer.IsEmpty)
            {
                Volatile.Write(ref _silence, 0);
            }

            var goesOn = TakeFrames(ref buffer);
            _connection.Input.AdvanceTo(buffer.Start, buffer.End);
            if (!goesOn || read.IsCompleted || read.IsCanceled)
            {
                return;
            }
        }
    }

    /// <summary>False: the link is over.</summary>
    private bool TakeFrames(ref ReadOnlySequence<byte> buffer)
    {
        var (asks, bulk, askOctets, bulkOctets) = (0, 0, 0L, 0L);
        try
        {
            while (true)
            {
                var result = LinkFraming.Read(ref buffer, LinkFrames.OctetsMax, out var kind, out var message);
                if (result == FramingResult.Incomplete)
                {
                    return true;
                }

                if (result != FramingResult.Frame || kind is LinkFrameKind.Hello or LinkFrameKind.Refusal)
                {
                    Interlocked.CompareExchange(ref _end, (int)LinkEnd.Broken, -1);
                    return false;
                }

                if (!_isUp && kind != LinkFrameKind.Goodbye)
                {
                    Rise();
                }

                switch (kind)
                {
                    case LinkFrameKind.Ask:
                        asks++;
                        askOctets += LinkFraming.HeaderOctets + message.Length;
                        _around.Listener.Received(Peer, InOnePiece(message));
                        break;
                    case LinkFrameKind.Bulk:
                        bulk++;
                        bulkOctets += LinkFraming.HeaderOctets + message.Length;
                        _around.Listener.Received(Peer, InOnePiece(message));
                        break;
                    case LinkFrameKind.Goodbye:
                        Interlocked.CompareExchange(ref _end, (int)LinkEnd.PeerLeft, -1);
                        return false;
                }
            }
        }
        finally
        {
            _around.Metrics.Received(LinkLane.Asks, asks, askOctets);
            _around.Metrics.Received(LinkLane.Bulk, bulk, bulkOctets);
        }
    }

    /// <summary>Copied only when it lies across the pipe's segments, into an array that is used again.</summary>
    private ReadOnlyMemory<byte> InOnePiece(ReadOnlySequence<byte> message)
    {
        if (message.IsSingleSegment)
        {
            return message.First;
        }

        var octets = (int)message.Length;
        if (_whole.Length < octets)
        {
            _whole = new byte[Math.Max(4096, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)octets))];
        }

        message.CopyTo(_whole);
        return _whole.AsMemory(0, octets);
    }

    /// <summary>Never fails: without a connection the reading loop ends too, and says why.</summary>
    private async Task WriteAsync()
    {
        try
        {
            while (await _queue.WaitAsync().ConfigureAwait(false))
            {
                PutIntoPipe();
                Volatile.Write(ref _quiet, 0);
                _around.Metrics.Flushed();
                var flushed = await _connection.Output.FlushAsync().ConfigureAwait(false);
                if (flushed.IsCompleted || flushed.IsCanceled)
                {
                    break;
                }
            }

            // Closed on purpose, and all is said; the peer ends the connection when it has read the Goodbye.
            await _connection.Output.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (IsOfTheConnection(e))
        {
            Abort(LinkEnd.Lost);
        }
    }

    /// <summary>
    /// As much as one flush may hold; a block of bulk is its last, so that asks stand behind one at most.
    /// </summary>
    private void PutIntoPipe()
    {
        var octets = 0;
        while (octets < FlushOctets && _queue.Take(out var lane) is { } block)
        {
            _connection.Output.Write(block.Written);
            octets += block.Length;
            _around.Metrics.Sent(lane, block.Frames, block.Length);
            FrameLane.GiveBack(block);
            if (lane == LinkLane.Bulk)
            {
                return;
            }
        }
    }
}
