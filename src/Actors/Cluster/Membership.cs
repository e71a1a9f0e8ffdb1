using System.Collections.Immutable;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// The life of one node: it joins, keeps its lease, knows who has what, gives and takes shards, and ends. All decisions
/// are turns of one loop; the calls of the store run beside it, so that a slow one holds up nothing else.
/// </summary>
public sealed class Membership : IShardHomes, IAsyncDisposable
{
    private readonly MembershipParts _parts;
    private readonly NodeLife _life;
    private readonly ShardBook _book = new();
    private readonly TurnLoop _loop;
    private readonly HandOvers _handOvers;
    private readonly Claims _claims;
    private readonly TableReads _reads;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<bool> _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;
    private volatile HomesView _view = HomesView.Nothing;
    private NodeSurroundings? _around;
    private NodeLease? _lease;
    private NodeState _state = NodeState.Joining;
    private bool _wasGood;
    private bool _isLooping;
    private Task _looping = Task.CompletedTask;

    public Membership(
        IClusterStore store, NodeRegistration registration, MembershipOptions options, TimeProvider time,
        ClusterMetrics metrics, ILoggerFactory log)
    {
        _parts = new(store, options, time, metrics, log.CreateLogger("MailCluster.Cluster"));
        _loop = new TurnLoop(AfterTurns, failure => ClusterLog.Fault(_parts.Log, failure));
        _life = new NodeLife(_parts, registration, _loop, _stop.Token);
        _reads = new TableReads(_parts, _book, _loop, WasRead);
        _handOvers = new HandOvers(_parts, _book, _loop, Publish);
        _claims = new Claims(_parts, _book, _loop, _reads.Require);
        _timer = time.CreateTimer(static self => ((Membership)self!)._loop.Wake(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        store.Changed += OnChanged;
    }

    public event Action? Changed;

    /// <summary>
    /// The old incarnation was lost to another node and this one has joined anew: what holds the old one by value asks
    /// again. <see cref="IFenceTaker"/> has taken it already.
    /// </summary>
    public event Action<NodePeer>? Reincarnated;

    /// <summary>Someone asks this node to end, as a signal would. Raised once.</summary>
    public event Action? DrainRequested;

    /// <summary>Changes when it joins anew. Before <see cref="JoinAsync"/>: nobody.</summary>
    public NodePeer Self => _view.Self;

    /// <summary>Null: no lease. Otherwise what is left of it until this node stops serving; negative: since.</summary>
    public TimeSpan? LeaseLeft => _view.Lease?.Left;

    /// <summary>As last read, what was heard since included; null before the first read.</summary>
    public ClusterTable? Table => _reads.Table is { } table ? table with { Shards = _view.Rows } : null;

    /// <summary>As last read; empty before.</summary>
    public ImmutableArray<NodeRow> Nodes => _reads.Table?.Nodes ?? [];

    public ShardHome Find(ShardId shard)
    {
        var view = _view;
        if (shard.Cell != 0 || (uint)shard.Number >= (uint)view.Homes.Length)
        {
            return new(HomeKind.Unknown, 0, default);
        }

        ref readonly var home = ref view.Homes[shard.Number];
        return home.Kind == HomeKind.There || view.Lease is { IsGood: true }
            ? home
            : home with { Kind = HomeKind.Unknown };
    }

    /// <summary>
    /// Gets a place and keeps the lease from then on; no shards yet. While an earlier run of this node has a lease, it
    /// waits for the end of that.
    /// </summary>
    /// <exception cref="NodeNameTakenException">A living node has the name.</exception>
    /// <exception cref="Storage.StoreUnavailableException">The database did not answer for as long.</exception>
    public async Task<NodePeer> JoinAsync(CancellationToken cancellationToken)
    {
        _parts.Metrics.Is(NodeState.Joining);
        var lease = await _life.JoinAsync(cancellationToken);
        Take(lease);
        _view = _view with { Self = lease.Self, Lease = lease };
        _looping = _loop.RunAsync();
        _isLooping = true;
        _loop.Wake();
        return lease.Self;
    }

    /// <summary>The node is ready: from now on it is given shards. Once, after <see cref="JoinAsync"/>.</summary>
    public void Start(IShardResidents residents, INodeLinks links, IMoveTells tells, IFenceTaker fence) =>
        _loop.Post(() =>
        {
            _around = new(residents, links, tells, fence);
            _life.Become(NodeState.Up, _lease!, Became);
        });

    /// <summary>What another node says has moved. On any thread; at the bound it is dropped.</summary>
    public void Told(NodePeer from, ShardsMoved moved)
    {
        var rows = MoveTells.Read(moved).ToImmutableArray();
        _loop.TryPost(() =>
        {
            ClusterLog.Told(_parts.Log, from, rows.Length);
            _book.Learn(rows);
            _reads.Learned();
            Publish();
        });
    }

    /// <summary>
    /// Gives all shards to other nodes. True: all have gone. False: there is nobody to take them, this incarnation was
    /// lost, or <paramref name="cancellationToken"/> ended it.
    /// </summary>
    public async Task<bool> DrainAsync(CancellationToken cancellationToken)
    {
        _loop.Post(BeginDrain);
        await using (cancellationToken.Register(() => _drained.TrySetResult(false)))
        {
            return await _drained.Task;
        }
    }

    /// <summary>
    /// Serves nothing any more and says so in the table, so that what it still has is claimed at once. Bounded.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        Stop();
        _parts.Store.Changed -= OnChanged;
        if (!_isLooping)
        {
            await _timer.DisposeAsync();
            return;
        }

        _loop.Post(Leave);
        _loop.End();
        await _looping;
        await _timer.DisposeAsync();
        if (_state == NodeState.Down || _lease is not { } lease)
        {
            return;
        }

        try
        {
            using var patience = _parts.Patience();
            await _parts.Store.SetStateAsync(lease.Self, NodeState.Down, patience.Token);
        }
        catch (Exception failure)
        {
            ClusterLog.LeaveFailed(_parts.Log, failure.Message);
        }

        _parts.Metrics.Is(NodeState.Down);
    }

    /// <summary>Here and now: CancelAsync would go to another thread.</summary>
    private void Stop() => _stop.Cancel();

    private void OnChanged() => _loop.TryPost(_reads.Hint);

    /// <summary>In the loop, or before it runs.</summary>
    private void Take(NodeLease lease)
    {
        _lease = lease;
        _wasGood = true;
        _reads.Require();
        ClusterLog.Joined(_parts.Log, lease.Self.Id.Value, lease.Self.Incarnation.Value);
        _life.Keep(lease, Publish, Lost);
    }

    private void Became(NodeState state, NodeLease lease)
    {
        if (lease != _lease || _state >= state)
        {
            return;
        }

        _state = state;
        _parts.Metrics.Is(state);
        if (state == NodeState.Up)
        {
            ClusterLog.Up(_parts.Log);
        }

        _reads.Require();
    }

    private void BeginDrain()
    {
        if (_state >= NodeState.Draining)
        {
            return;
        }

        if (_lease is null)
        {
            // Lost a moment ago: there is nothing to give, and it does not join again.
            _state = NodeState.Draining;
            _drained.TrySetResult(false);
            return;
        }

        ClusterLog.Draining(_parts.Log, _book.CountOf(_lease.Self));
        _state = NodeState.Draining;
        _parts.Metrics.Is(_state);
        _life.Become(NodeState.Draining, _lease, Became);
    }

    private void Lost(NodeLease lease)
    {
        if (lease != _lease)
        {
            return;
        }

        ClusterLog.Lost(_parts.Log, lease.Self.Incarnation.Value);
        _parts.Metrics.Moved("lost", _book.CountResident());
        _lease = null;
        Publish();
        if (_state == NodeState.Draining)
        {
            _state = NodeState.Down;
            _parts.Metrics.Is(_state);
            _drained.TrySetResult(false);
            return;
        }

        _state = NodeState.Joining;
        _parts.Metrics.Is(_state);
        _life.Rejoin(Rejoined);
    }

    private void Rejoined(NodeLease lease)
    {
        Take(lease);
        _life.TakeFence(lease, _around?.Fence, FenceTaken);
    }

    private void FenceTaken(NodeLease lease)
    {
        if (lease != _lease)
        {
            return;
        }

        Publish();
        Reincarnated?.Invoke(lease.Self);
        if (_around is not null && _state == NodeState.Joining)
        {
            _life.Become(NodeState.Up, lease, Became);
        }
    }

    private void Leave()
    {
        _lease?.End();
        var self = _lease;
        _lease = null;
        Publish();
        _lease = self;
        _drained.TrySetResult(false);
    }

    private void WasRead(ClusterTable table)
    {
        _around?.Residents.NodesChanged(table.Nodes);
        Publish();
        if (_lease is null)
        {
            return;
        }

        _around?.Expect(table, _lease.Self);
        var own = table.Nodes.FirstOrDefault(node => node.Peer == _lease.Self);
        if (own is { State: NodeState.Draining } && _state == NodeState.Up)
        {
            _state = NodeState.Draining;
            _parts.Metrics.Is(_state);
            ClusterLog.DrainAsked(_parts.Log);
            DrainRequested?.Invoke();
        }
    }

    private void AfterTurns()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        if (_lease is not null && _lease.IsGood != _wasGood)
        {
            Publish();
        }

        _reads.Begin();
        Steer();
        _timer.Change(Wait(), Timeout.InfiniteTimeSpan);
    }

    private void Steer()
    {
        if (_lease is not { IsGood: true } lease || _around is not { } around || _state < NodeState.Up
            || !_reads.IsCurrent || _reads.Table is not { } table)
        {
            return;
        }

        var age = _reads.Age;
        var takers = Placement.Takers(table.Nodes, age);
        if (_state == NodeState.Up && !takers.Contains(lease.Self))
        {
            // The table was read before the renewal or the state was there: it would have this node give all away.
            _reads.Require();
            return;
        }

        takers = _state == NodeState.Up ? takers : takers.Remove(lease.Self);
        var plan = Placement.Plan(_book.Rows, takers);
        _handOvers.Begin(lease.Self, plan, around.Residents, rows =>
        {
            _reads.Learned();
            around.Tell(rows);
        });
        _claims.Begin(lease, plan, takers, age);
        if (_state == NodeState.Draining)
        {
            LookDrained(lease, table, takers.IsEmpty, age);
        }
    }

    private void LookDrained(NodeLease lease, ClusterTable table, bool nobodyTakes, TimeSpan age)
    {
        var left = _book.CountOf(lease.Self);
        if (left == 0 && _book.Leaving.Count == 0)
        {
            if (_drained.TrySetResult(true))
            {
                ClusterLog.Drained(_parts.Log);
            }
        }
        else if (nobodyTakes && !table.Nodes.Any(node => node.Id != lease.Self.Id
            && node.State is NodeState.Joining or NodeState.Up && node.LeaseLeft > age))
        {
            if (_drained.TrySetResult(false))
            {
                ClusterLog.NobodyTakes(_parts.Log, left);
            }
        }
    }

    private TimeSpan Wait()
    {
        var now = _parts.Time.GetTimestamp();
        var wait = _reads.Due;
        if (_handOvers.NotBefore > now)
        {
            var pause = _parts.Time.GetElapsedTime(now, _handOvers.NotBefore);
            wait = pause < wait ? pause : wait;
        }

        if (_lease is { IsGood: true, Left: var left } && left < wait)
        {
            wait = left;
        }

        return wait > TimeSpan.Zero ? wait : TimeSpan.FromTicks(1);
    }

    /// <summary>
    /// What <see cref="Find"/> answers is made anew, residents hear what came and went, then who waits.
    /// </summary>
    private void Publish()
    {
        var old = _view;
        var self = _lease?.Self ?? old.Self;
        var change = _book.Settle(_lease?.Self);
        var homes = _book.Homes(self, _lease is not null);
        var isGood = _lease is { IsGood: true };
        if (_lease is not null && isGood != _wasGood)
        {
            ClusterLog.Good(_parts.Log, isGood, _book.CountOf(_lease.Self));
        }

        var isSame = isGood == _wasGood && old.Lease == _lease && homes.AsSpan().SequenceEqual(old.Homes);
        _wasGood = isGood;
        _view = new HomesView(self, _lease, homes, _book.Rows);
        _parts.Metrics.Holds(
            isGood ? _book.CountOf(self) : 0, homes.Count(static home => home.Kind == HomeKind.Moving));
        if (_around is { } around)
        {
            if (!change.Left.IsEmpty)
            {
                around.Residents.Left(change.Left);
            }

            if (!change.Arrived.IsEmpty)
            {
                around.Residents.Arrived(change.Arrived);
            }
        }

        if (!isSame)
        {
            Changed?.Invoke();
        }
    }
}
