using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// Asks and tells between nodes: finds the home of what is asked, waits while that moves, goes where a wrong home says,
/// and gives each answer to who asked for it.
/// </summary>
public sealed class ShardAsks : ILinkListener
{
    private readonly ConcurrentDictionary<NodePeer, PeerAsks> _peers = new();
    private readonly Action<RemoteAsk>?[] _handlers;
    private readonly ActorSystem _system;
    private readonly INodeLinks _links;
    private readonly ShardAsksOptions _options;
    private readonly AskMetrics _metrics;
    private readonly ILogger _log;
    private readonly HomeWaits _waits;

    /// <param name="links">Nothing is listened to yet: who makes both says <see cref="INodeLinks.Listen"/>.</param>
    public ShardAsks(
        ActorSystem system,
        IShardHomes homes,
        INodeLinks links,
        ShardAsksOptions options,
        AskMetrics metrics,
        ILoggerFactory log)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.AsksMax, 1 << 20);
        _system = system;
        Homes = homes;
        _links = links;
        _options = options;
        _metrics = metrics;
        _log = log.CreateLogger("MailCluster.Cluster");
        _handlers = new Action<RemoteAsk>?[Envelope.Descriptor.Oneofs[0].Fields.Max(field => field.FieldNumber) + 1];
        _waits = new HomeWaits(system, homes, options.WaitsMax);
        homes.Changed += _waits.HomesChanged;
    }

    /// <summary>Another node can be reached, or no more. On the link's thread.</summary>
    public event Action<NodePeer>? LinkUp;

    /// <inheritdoc cref="LinkUp"/>
    public event Action<NodePeer>? LinkDown;

    public IShardHomes Homes { get; }

    public INodeLinks Links => _links;

    internal ActorSystem System => _system;

    internal ILogger Log => _log;

    /// <summary>Before the first link; one handler for each kind. It returns soon and answers when it can.</summary>
    public void Handle(Envelope.BodyOneofCase kind, Action<RemoteAsk> handler) => _handlers[(int)kind] = handler;

    /// <summary>As <see cref="Handle"/>; what it throws is the answer.</summary>
    public void HandleAsync(Envelope.BodyOneofCase kind, Func<RemoteAsk, ValueTask> handlerAsync) =>
        Handle(kind, ask => _ = HandleAsync(ask, handlerAsync));

    /// <summary>
    /// Asks the home, wherever it is. While the shard moves or its home cannot be reached, it waits, and then goes to
    /// the new one; all within the deadline.
    /// </summary>
    /// <exception cref="AskFailedException">No answer; <see cref="AskFailure.Interrupted"/> or <see
    /// cref="AskFailure.DeadlinePassed"/>: it may have been handled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TReply> RouteAsync<TAsk, TReply>(TAsk ask, TimeSpan deadline)
        where TAsk : struct, IShardAsk<TReply>
    {
        var since = _system.Time.GetTimestamp();
        ShardHome? told = null;
        for (var tries = 0; ; tries++)
        {
            var patience = deadline - _system.Time.GetElapsedTime(since);
            if (tries > 0 && patience <= TimeSpan.Zero)
            {
                throw new AskFailedException(AskFailure.DeadlinePassed);
            }

            var known = Homes.Find(ask.Shard);
            var home = told is { } other && other.Epoch > known.Epoch ? other : known;
            told = null;
            switch (home.Kind)
            {
                case HomeKind.Unknown:
                    throw new AskFailedException(AskFailure.NotHere);
                case HomeKind.Moving:
                    _metrics.Waited();
                    await _waits.UntilAsync(ask.Shard, known, patience);
                    continue;
            }

            try
            {
                if (home.Kind == HomeKind.Here)
                {
                    _metrics.Local();
                    return await ask.AskHere(patience);
                }

                return await ask.AskThere(this, home.Peer, patience);
            }
            catch (AskFailedException failure) when (failure.Why == AskFailure.NotHere
                || (failure.Why == AskFailure.Interrupted && ask.IsRepeatable))
            {
                ClusterAskLog.GoesOn(_log, ask.Shard, failure.Why);
                told = failure.Home is { Kind: HomeKind.There } there && there.Peer != Homes.Self ? there : null;
            }

            // A wrong home that knows better is followed at once, but two that point at each other are not.
            if (told is null || told.Value.Epoch <= home.Epoch)
            {
                _metrics.Waited();
                await _waits.UntilAsync(ask.Shard, known, Least(patience, _options.PauseAfter(tries)));
            }
        }
    }

    /// <summary>Asks one node, once. The envelope is the caller's again when this returns.</summary>
    /// <exception cref="AskFailedException"><see cref="AskFailure.NotHere"/>: the home is elsewhere, or the node cannot
    /// be reached; nothing was done.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Envelope> AskAsync(
        NodePeer to, Envelope request, TimeSpan patience, LinkLane lane = LinkLane.Asks)
    {
        var since = _system.Time.GetTimestamp();
        AskFailure? why = null;
        try
        {
            var answer = await AskOnceAsync(to, request, patience, lane);
            if (answer.BodyCase == Envelope.BodyOneofCase.NotHere)
            {
                why = AskFailure.NotHere;
                throw new AskFailedException(AskFailure.NotHere, HomeOf(answer.NotHere));
            }

            if (answer.BodyCase == Envelope.BodyOneofCase.Failure)
            {
                why = WhyOf(answer.Failure.Reason);
                throw new AskFailedException(why.Value);
            }

            return answer;
        }
        catch (AskFailedException failure)
        {
            why = failure.Why;
            throw;
        }
        finally
        {
            _metrics.Remote(request.BodyCase, _system.Time.GetElapsedTime(since), why);
        }
    }

    /// <summary>False: it was not sent. True: it was, and may be lost with its link.</summary>
    public bool Tell(NodePeer to, Envelope message, LinkLane lane = LinkLane.Asks)
    {
        var isSent = _links.TrySend(to, message, lane);
        if (!isSent && message.IsAnswer)
        {
            _metrics.AnswerLost();
        }

        return isSent;
    }

    /// <summary>Until the shard's home is another one than was seen, at most so long.</summary>
    /// <exception cref="AskFailedException">Too many wait already, or the node ends.</exception>
    internal ValueTask UntilChangedAsync(ShardId shard, ShardHome seen, TimeSpan time) =>
        _waits.UntilAsync(shard, seen, time);

    void ILinkListener.Up(NodePeer peer, int wireVersion)
    {
        _waits.Linked(peer);
        LinkUp?.Invoke(peer);
    }

    void ILinkListener.Down(NodePeer peer)
    {
        if (_peers.TryRemove(peer, out var asks))
        {
            asks.Down();
        }

        LinkDown?.Invoke(peer);
    }

    void ILinkListener.Received(NodePeer from, ReadOnlyMemory<byte> frame)
    {
        Envelope envelope;
        try
        {
            envelope = Envelope.Parser.ParseFrom(frame.Span);
        }
        catch (InvalidProtocolBufferException failure)
        {
            ClusterAskLog.Unreadable(_log, from, failure);
            return;
        }

        if (!envelope.IsAnswer)
        {
            OnAsk(new RemoteAsk(this, from, envelope));
        }
        else if (_peers.TryGetValue(from, out var asks) && asks.TryTake(envelope.Ask, out var reply))
        {
            reply.Reply(envelope);
        }
    }

    /// <summary>As <see cref="Envelope.Shard"/> has it.</summary>
    public static uint NumberOf(ShardId shard) => (uint)((shard.Cell * MailboxId.Shards) + shard.Number + 1);

    internal static Envelope NotHere(IShardHomes homes, Envelope ask)
    {
        var home = ask.Shard == 0 ? default : homes.Find(ShardOf(ask));
        var answer = new NotHere { Epoch = home.Epoch };
        if (home is { Kind: HomeKind.There, Epoch: > 0 })
        {
            answer.Node = home.Peer.Id.Value;
            answer.Incarnation = home.Peer.Incarnation.Value;
        }

        return new Envelope { NotHere = answer };
    }

    internal static Failure.Types.Reason ReasonOf(AskFailure why) => why switch
    {
        AskFailure.MailboxFull => Failure.Types.Reason.Full,
        AskFailure.DeadlinePassed or AskFailure.Interrupted => Failure.Types.Reason.Interrupted,
        _ => Failure.Types.Reason.Failed,
    };

    private static ShardId ShardOf(Envelope ask) =>
        new((int)((ask.Shard - 1) / MailboxId.Shards), (int)((ask.Shard - 1) % MailboxId.Shards));

    private static AskFailure WhyOf(Failure.Types.Reason reason) => reason switch
    {
        Failure.Types.Reason.Full => AskFailure.MailboxFull,
        Failure.Types.Reason.Interrupted => AskFailure.Interrupted,
        _ => AskFailure.Failed,
    };

    private static ShardHome? HomeOf(NotHere answer) => answer.Node == 0
        ? null
        : new(HomeKind.There, answer.Epoch, new NodePeer(new(answer.Node), new(answer.Incarnation)));

    private static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Envelope> AskOnceAsync(NodePeer to, Envelope request, TimeSpan patience, LinkLane lane)
    {
        var ask = PendingAsk<Envelope>.Open(_system, out var reply);
        var (asks, name) = Add(to, reply);
        if (name == 0)
        {
            reply.Fail(AskFailure.MailboxFull);
        }
        else
        {
            request.Ask = name;
            request.PatienceMilliseconds = (uint)Math.Clamp(patience.TotalMilliseconds, 1, int.MaxValue);
            if (!_links.TrySend(to, request, lane))
            {
                reply.Fail(_links.IsUp(to) ? AskFailure.MailboxFull : AskFailure.NotHere);
            }
        }

        try
        {
            return await ask.Answer(patience);
        }
        finally
        {
            asks.TryTake(name, out _);
        }
    }

    private async Task HandleAsync(RemoteAsk ask, Func<RemoteAsk, ValueTask> handlerAsync)
    {
        try
        {
            await handlerAsync(ask);
        }
        catch (AskFailedException failure)
        {
            ask.Fail(failure.Why);
        }
        catch (Exception failure)
        {
            // Whatever it is, the asker has to hear of it.
            ClusterAskLog.HandlerFailed(_log, ask.From, failure);
            ask.Fail(AskFailure.Failed);
        }
    }

    private (PeerAsks Asks, ulong Name) Add(NodePeer to, ReplyTo<Envelope> reply)
    {
        while (true)
        {
            var asks = _peers.GetOrAdd(to, static (_, most) => new PeerAsks(most), _options.AsksMax);
            if (asks.Add(reply) is { } name)
            {
                return (asks, name);
            }

            // Its link has just gone down.
            _peers.TryRemove(new KeyValuePair<NodePeer, PeerAsks>(to, asks));
        }
    }

    private void OnAsk(RemoteAsk ask)
    {
        var kind = ask.Envelope.BodyCase;
        _metrics.Handled(kind);
        if ((int)kind >= _handlers.Length || _handlers[(int)kind] is not { } handler)
        {
            ask.Answer(new Envelope { Failure = new Failure { Reason = Failure.Types.Reason.Unsupported } });
            return;
        }

        if (ask.Envelope.Shard != 0 && Homes.Find(ShardOf(ask.Envelope)).Kind != HomeKind.Here)
        {
            _metrics.WrongHome();
            ask.Fail(AskFailure.NotHere);
            return;
        }

        try
        {
            handler(ask);
        }
        catch (Exception failure)
        {
            // Whatever it is, the link and what else it carries go on.
            ClusterAskLog.HandlerFailed(_log, ask.From, failure);
            ask.Fail(AskFailure.Failed);
        }
    }
}
