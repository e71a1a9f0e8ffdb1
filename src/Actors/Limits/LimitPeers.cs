using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>The other nodes of a cluster, to the limits of this one: what they ask, report and are told.</summary>
internal sealed class LimitPeers : IShardResidents
{
    private readonly ShardAsks _asks;
    private readonly HeldPermits _held;
    private readonly Refusals _refusals;
    private readonly LimitsMetrics _metrics;
    private readonly SourceLimitOptions _options;
    private ShardRegion<HomeKey, SourceMessage> _homes = null!;
    private ActorRef<CourierMessage> _courier = null!;

    public LimitPeers(
        ShardAsks asks, HeldPermits held, Refusals refusals, SourceLimitOptions options, LimitsMetrics metrics,
        HomeKey.Comparer comparer)
    {
        (_asks, _held, _refusals, _options, _metrics) = (asks, held, refusals, options, metrics);
        Known = new KnownPermits(asks.Homes, options, asks.System.Time, metrics, comparer)
        {
            Gather = shards => _courier.Notify(new CourierMessage.Gather(shards)),
        };
    }

    public KnownPermits Known { get; }

    public ShardAsks Asks => _asks;

    /// <summary>Before the first link.</summary>
    public void Start(ShardRegion<HomeKey, SourceMessage> homes)
    {
        _homes = homes;
        _courier = _asks.System.Spawn(
            "permits", () => new PermitCourier(_asks, _held, Known, this, _options, _metrics), new ActorOptions());
        _asks.Homes.Changed += () => _courier.Notify(new CourierMessage.HomesChanged());
        _asks.LinkUp += peer => _courier.Notify(new CourierMessage.Linked(peer));
        _asks.LinkDown += Known.LinkDown;
        _asks.Handle(Envelope.BodyOneofCase.AdmitConnection, OnAdmit);
        _asks.Handle(Envelope.BodyOneofCase.TakeMessage, OnTake);
        _asks.Handle(Envelope.BodyOneofCase.JudgeLogon, OnJudge);
        _asks.Handle(Envelope.BodyOneofCase.GiveBackPermit, OnGiveBack);
        _asks.Handle(Envelope.BodyOneofCase.OweTarpit, ask => Pass(
            ask.Envelope.OweTarpit.Subject, SourceMessage.OweTarpit.Instance));
        _asks.Handle(Envelope.BodyOneofCase.LogonEnded, OnLogonEnded);
        _asks.Handle(Envelope.BodyOneofCase.PermitReport, OnReport);
        _asks.Handle(Envelope.BodyOneofCase.WantPermits, OnWanted);
        _asks.Handle(Envelope.BodyOneofCase.PlaceFreed, OnFreed);
        _asks.Handle(Envelope.BodyOneofCase.ShardMoved, ask => Settle(Known.Moved(ask.Envelope.ShardMoved)));
    }

    /// <summary>At this moment, by the lease too.</summary>
    public bool IsHere(HomeKey home) => Known.IsHere(home);

    /// <summary>To a home at another node. False: there is none, or it cannot be reached.</summary>
    public bool Tell(HomeKey home, Envelope message)
    {
        var at = _asks.Homes.Find(home.Shard);
        message.Shard = ShardAsks.NumberOf(home.Shard);
        return at.Kind == HomeKind.There && _asks.Tell(at.Peer, message);
    }

    /// <summary>A connection of this node has no permit any more. False: it held none.</summary>
    public bool GiveBack(HomeKey home, long connection)
    {
        lock (_held.Gate)
        {
            var isHeld = _held.RemoveLocked(home, connection);
            Tell(home, new Envelope
            {
                GiveBackPermit = new GiveBackPermit { Subject = home.ToWire(), Connection = connection },
            });
            return isHeld;
        }
    }

    /// <summary>One source holds less than before: whoever was refused may ask again.</summary>
    public void Freed(HomeKey source)
    {
        _refusals.Free(source);
        foreach (var peer in Known.TakeRefused(source))
        {
            _asks.Tell(peer, new Envelope { PlaceFreed = new PlaceFreed { Subject = source.ToWire() } });
        }
    }

    /// <summary>Connections hold what their home knows nothing of: it hears of it.</summary>
    public void ReportSoon(HomeKey source)
    {
        if (_asks.Homes.Find(source.Shard) is { Kind: HomeKind.There } home)
        {
            _courier.Notify(new CourierMessage.Wanted(home.Peer, [source.Shard.Number]));
        }
    }

    public void Settle(in KnownPermits.Outcome outcome)
    {
        outcome.Freed.ForEach(Freed);
        outcome.Woken.ForEach(source => _homes.NotifyAlive(source, SourceMessage.Settled.Instance));
    }

    public void NodesChanged(ImmutableArray<NodeRow> nodes)
    {
        if (Known.NodesChanged(nodes) is { } outcome)
        {
            Settle(outcome);
        }
    }

    public void Arrived(ImmutableArray<ShardEpoch> shards) => Known.Arrived(shards);

    /// <summary>
    /// Nothing is written, and each home judges in its turn whether it still is one: nothing to wait for.
    /// </summary>
    public Task LeaveAsync(ImmutableArray<ShardEpoch> shards, CancellationToken cancellationToken) =>
        Task.CompletedTask;

    public void Left(ImmutableArray<ShardEpoch> shards)
    {
        foreach (var id in shards)
        {
            if (Known.Left(id.Shard) is not { } shard)
            {
                continue;
            }

            var home = _asks.Homes.Find(id.Shard);
            if (home.Kind == HomeKind.There && ShardParting.Write(shard, home) is { IsEmpty: false } parts)
            {
                _courier.Notify(new CourierMessage.Moved(home.Peer, parts));
            }

            foreach (var source in shard.TakeWaiting())
            {
                _homes.NotifyAlive(source, SourceMessage.Settled.Instance);
            }
        }
    }

    private static void Answer<T>(RemoteAsk ask, ValueTask<T> answer, Func<T, Envelope> write)
    {
        var verdict = answer.IsCompletedSuccessfully ? write(answer.Result) : null;
        if (verdict is not null)
        {
            ask.Answer(verdict);
        }
        else
        {
            _ = AnswerLaterAsync(ask, answer, write);
        }
    }

    private static async Task AnswerLaterAsync<T>(RemoteAsk ask, ValueTask<T> answer, Func<T, Envelope> write)
    {
        try
        {
            ask.Answer(write(await answer));
        }
        catch (AskFailedException failure)
        {
            ask.Fail(failure.Why);
        }
    }

    private void OnAdmit(RemoteAsk ask)
    {
        var wanted = ask.Envelope.AdmitConnection;
        if (HomeKey.Of(wanted.Subject) is not { } home)
        {
            ask.Fail(AskFailure.Failed);
            return;
        }

        var answer = _homes.Ask<Admission, (string Binding, Permit Permit, int Limit)>(
            home, static (reply, ask) => new SourceMessage.Admit(ask.Binding, ask.Permit, ask.Limit, reply),
            (wanted.Binding, new Permit(ask.From, wanted.Connection), wanted.Limit), ask.Patience);
        Answer(ask, answer, LimitsWire.Write);
    }

    private void OnTake(RemoteAsk ask)
    {
        var wanted = ask.Envelope.TakeMessage;
        if (HomeKey.Of(wanted.Subject) is not { } home)
        {
            ask.Fail(AskFailure.Failed);
            return;
        }

        var answer = _homes.Ask<RateVerdict, (string Binding, int PerMinute)>(
            home, static (reply, ask) => new SourceMessage.Take(ask.Binding, ask.PerMinute, reply),
            (wanted.Binding, wanted.PerMinute), ask.Patience);
        Answer(ask, answer, LimitsWire.Write);
    }

    private void OnJudge(RemoteAsk ask)
    {
        var wanted = ask.Envelope.JudgeLogon;
        if (HomeKey.Of(wanted.Subject) is not { } home)
        {
            ask.Fail(AskFailure.Failed);
            return;
        }

        var answer = _homes.Ask<LogonVerdict, SourceKey?>(
            home, static (reply, from) => new SourceMessage.JudgeLogon(from, reply),
            HomeKey.Of(wanted.Source)?.ToSource(), ask.Patience);
        Answer(ask, answer, LimitsWire.Write);
    }

    private void OnLogonEnded(RemoteAsk ask)
    {
        var ended = ask.Envelope.LogonEnded;
        var source = HomeKey.Of(ended.Source)?.ToSource();
        if (!ended.IsSuccess)
        {
            Pass(ended.Subject, new SourceMessage.LogonFailed(source));
        }
        else if (source is { } from)
        {
            Pass(ended.Subject, new SourceMessage.LogonSucceeded(from));
        }
    }

    private void OnGiveBack(RemoteAsk ask)
    {
        var given = ask.Envelope.GiveBackPermit;
        var permit = new Permit(ask.From, given.Connection);
        if (HomeKey.Of(given.Subject) is { } home
            && !_homes.NotifyAlive(home, new SourceMessage.GiveBack(permit, IsOfAsk: false))
            && Known.Remove(home, permit))
        {
            Freed(home);
        }
    }

    private void OnReport(RemoteAsk ask)
    {
        _metrics.ReportReceived();
        Settle(Known.Apply(ask.From, ask.Envelope.PermitReport));
    }

    private void OnWanted(RemoteAsk ask) => _courier.Notify(new CourierMessage.Wanted(
        ask.From,
        [.. ask.Envelope.WantPermits.Shards.Where(shard => shard < MailboxId.Shards).Select(shard => (int)shard)]));

    private void OnFreed(RemoteAsk ask)
    {
        if (HomeKey.Of(ask.Envelope.PlaceFreed.Subject) is { } source)
        {
            _refusals.Free(source);
        }
    }

    private void Pass(LimitSubject subject, SourceMessage message)
    {
        if (HomeKey.Of(subject) is { } home)
        {
            _homes.Tell(home, message);
        }
    }
}
