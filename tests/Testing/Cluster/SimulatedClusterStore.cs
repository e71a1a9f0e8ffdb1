using System.Collections.Immutable;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Cluster;

namespace MailCluster.Testing.Cluster;

/// <summary>
/// One process's way to a <see cref="SimulatedClusterDatabase"/>. Calls take their time both ways; an answer can be
/// lost after the change was made, and a call whose caller gave up can still arrive.
/// </summary>
public sealed class SimulatedClusterStore : IClusterStore
{
    private readonly SimulatedClusterDatabase _database;
    private readonly List<Action> _held = [];
    private bool _isPaused;
    private bool _isCrashed;

    internal SimulatedClusterStore(SimulatedClusterDatabase database) => _database = database;

    public event Action? Changed;

    /// <summary>This process alone does not reach the database; what is under way loses its answer.</summary>
    public bool IsCutOff { get; set; }

    /// <summary>So much later than other calls hand-overs of this process reach the database.</summary>
    public TimeSpan HandOversLate { get; set; }

    /// <summary>Calls begun.</summary>
    public long Calls { get; private set; }

    /// <summary>The process stands: answers wait until <see cref="Resume"/>, what was sent arrives.</summary>
    public void Pause() => _isPaused = true;

    public void Resume()
    {
        _isPaused = false;
        var held = _held.ToArray();
        _held.Clear();
        foreach (var action in held)
        {
            _database.Scheduler.Post(action);
        }
    }

    /// <summary>The process is gone: nothing comes back to it. What was sent arrives.</summary>
    public void Crash() => _isCrashed = true;

    public Task<JoinAnswer> JoinAsync(NodeRegistration node, TimeSpan lease, CancellationToken cancellationToken) =>
        CallAsync(() => _database.Join(node, lease), cancellationToken);

    public Task<RenewAnswer> RenewAsync(NodePeer self, TimeSpan lease, CancellationToken cancellationToken) =>
        CallAsync(() => _database.Renew(self, lease), cancellationToken);

    public Task<ClusterTable> ReadAsync(CancellationToken cancellationToken) =>
        CallAsync(_database.Read, cancellationToken);

    public Task<bool> SetStateAsync(NodePeer self, NodeState state, CancellationToken cancellationToken) =>
        CallAsync(() => _database.SetState(self, state), cancellationToken);

    public Task<bool> ClaimAsync(
        NodePeer self, NodePeer dead, ImmutableArray<(ShardId Shard, NodePeer To)> to,
        CancellationToken cancellationToken) =>
        CallAsync(() => _database.Claim(self, dead, to), cancellationToken);

    public Task<int> AssignAsync(
        NodePeer self, ImmutableArray<(ShardId Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        CallAsync(() => _database.Assign(self, to), cancellationToken);

    public Task<ImmutableArray<ShardRow>> HandOverAsync(
        NodePeer self, ImmutableArray<(ShardEpoch Shard, NodePeer To)> to, CancellationToken cancellationToken) =>
        CallAsync(() => _database.HandOver(self, to), cancellationToken, HandOversLate);

    public Task<bool> RequestDrainAsync(string name, CancellationToken cancellationToken) =>
        CallAsync(() => _database.RequestDrain(name), cancellationToken);

    internal void Notify()
    {
        if (!_database.IsAway && !IsCutOff)
        {
            Deliver(() => Changed?.Invoke());
        }
    }

    private Task<T> CallAsync<T>(Func<T> change, CancellationToken cancellationToken, TimeSpan late = default)
    {
        Calls++;
        var call = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var scheduler = _database.Scheduler;
        var isLost = _database.DrawLostAnswer();
        var back = _database.DrawWay();
        scheduler.PostAfter(_database.DrawWay() + late, () =>
        {
            if (_database.IsAway || IsCutOff)
            {
                Fail(call, _database.DrawRefusal());
                return;
            }

            var answer = change();
            if (isLost)
            {
                return;
            }

            scheduler.PostAfter(back, () =>
            {
                if (!_database.IsAway && !IsCutOff)
                {
                    Deliver(() => call.TrySetResult(answer));
                }
            });
        });
        Fail(call, _database.Timeout);
        var registration = cancellationToken.Register(() => call.TrySetCanceled(cancellationToken));
        return WithoutAsync(call.Task, registration);
    }

    private static async Task<T> WithoutAsync<T>(Task<T> call, CancellationTokenRegistration registration)
    {
        await using (registration)
        {
            return await call;
        }
    }

    private void Fail<T>(TaskCompletionSource<T> call, TimeSpan after) => _database.Scheduler.PostAfter(
        after,
        () => Deliver(() => call.TrySetException(
            new StoreUnavailableException("The simulated database does not answer."))));

    private void Deliver(Action action)
    {
        if (_isCrashed)
        {
            return;
        }

        if (_isPaused)
        {
            _held.Add(action);
        }
        else
        {
            action();
        }
    }
}
