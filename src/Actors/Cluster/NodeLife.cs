using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// What an incarnation asks of the database until it is answered: each runs beside the loop and ends as one of its
/// turns.
/// </summary>
/// <param name="stop">The node ends.</param>
internal sealed class NodeLife(
    MembershipParts parts, NodeRegistration registration, TurnLoop loop, CancellationToken stop)
{
    private readonly Joining _joining = new(parts, registration);

    public Task<NodeLease> JoinAsync(CancellationToken cancellationToken) => _joining.JoinAsync(cancellationToken);

    /// <summary>Renews the lease until it is lost or the node ends.</summary>
    public void Keep(NodeLease lease, Action regained, Action<NodeLease> lost) => _ = KeepAsync(lease, regained, lost);

    /// <summary>Writes the state down, if need be again and again.</summary>
    public void Become(NodeState state, NodeLease lease, Action<NodeState, NodeLease> became) =>
        _ = BecomeAsync(state, lease, became);

    /// <summary>A new incarnation after the last was lost.</summary>
    public void Rejoin(Action<NodeLease> rejoined) => _ = RejoinAsync(rejoined);

    /// <summary>Has everything that writes in the node's name take the incarnation.</summary>
    public void TakeFence(NodeLease lease, IFenceTaker? fence, Action<NodeLease> taken) =>
        _ = TakeFenceAsync(lease, fence, taken);

    private async Task KeepAsync(NodeLease lease, Action regained, Action<NodeLease> lost)
    {
        try
        {
            await lease.RenewAsync(() => loop.Post(regained), stop);
            loop.Post(() => lost(lease));
        }
        catch (OperationCanceledException)
        {
            lease.End();
        }
        catch (Exception failure)
        {
            // Without renewals the lease ends by itself, and then others take over: as safe as a crash.
            ClusterLog.Fault(parts.Log, failure);
        }
    }

    private async Task BecomeAsync(NodeState state, NodeLease lease, Action<NodeState, NodeLease> became)
    {
        while (lease.IsGoing && !stop.IsCancellationRequested)
        {
            try
            {
                using var patience = parts.Patience();

                // False: lost. The next renewal says so.
                if (await parts.Store.SetStateAsync(lease.Self, state, patience.Token))
                {
                    loop.Post(() => became(state, lease));
                }

                return;
            }
            catch (Exception failure)
            {
                ClusterLog.StateFailed(parts.Log, state, failure.Message);
                await Task.Delay(parts.Options.RetryAfter, parts.Time);
            }
        }
    }

    private async Task RejoinAsync(Action<NodeLease> rejoined)
    {
        try
        {
            var lease = await _joining.JoinAgainAsync(stop);
            loop.Post(() => rejoined(lease));
        }
        catch (OperationCanceledException)
        {
            // The node ends.
        }
    }

    private async Task TakeFenceAsync(NodeLease lease, IFenceTaker? fence, Action<NodeLease> taken)
    {
        while (lease.IsGoing && !stop.IsCancellationRequested)
        {
            try
            {
                await (fence?.TakeAsync(lease.Self) ?? Task.CompletedTask);
                loop.Post(() => taken(lease));
                return;
            }
            catch (Exception failure)
            {
                ClusterLog.RejoinFailed(parts.Log, failure.Message);
                await Task.Delay(parts.Options.RetryAfter, parts.Time);
            }
        }
    }
}
