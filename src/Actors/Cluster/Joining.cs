using MailCluster.Actors.Storage;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// Gets a place among the nodes. A node that was killed finds the lease of its earlier run and waits for its end; a
/// node whose name another one has finds that lease renewed.
/// </summary>
internal sealed class Joining(MembershipParts parts, NodeRegistration registration)
{
    /// <summary>One lease for the earlier run, one for a join whose answer was lost, and what answers take.</summary>
    private readonly TimeSpan _patience = parts.Options.LeaseDuration * 2.5;

    /// <exception cref="NodeNameTakenException">A living node has the name.</exception>
    /// <exception cref="StoreUnavailableException">There was no answer for as long.</exception>
    public async Task<NodeLease> JoinAsync(CancellationToken cancellationToken)
    {
        var since = parts.Time.GetTimestamp();
        var refusals = 0;
        while (true)
        {
            try
            {
                var (lease, refusal) = await TryAsync(cancellationToken);
                if (lease is not null)
                {
                    return lease;
                }

                if (parts.Time.GetElapsedTime(since) > _patience)
                {
                    throw new NodeNameTakenException(
                        $"{refusal} Its lease is renewed, so it runs: give this node another Node.Name, or end that one.");
                }

                if (refusals++ == 0)
                {
                    ClusterLog.NameTaken(parts.Log, refusal!, _patience);
                }
            }
            catch (StoreUnavailableException failure) when (parts.Time.GetElapsedTime(since) <= _patience)
            {
                ClusterLog.JoinFailed(parts.Log, failure.Message);
            }

            await Task.Delay(parts.Options.RetryAfter, parts.Time, cancellationToken);
        }
    }

    /// <summary>The same without an end: nobody stands at a console who could help.</summary>
    public async Task<NodeLease> JoinAgainAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await JoinAsync(cancellationToken);
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
            {
                ClusterLog.RejoinFailed(parts.Log, failure.Message);
                await Task.Delay(parts.Options.RetryAfter, parts.Time, cancellationToken);
            }
        }
    }

    private async Task<(NodeLease? Lease, string? Refusal)> TryAsync(CancellationToken cancellationToken)
    {
        using var patience = parts.Patience();
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        var sent = parts.Time.GetTimestamp();
        try
        {
            var answer = await parts.Store.JoinAsync(registration, parts.Options.LeaseDuration, both.Token);
            return (answer.Peer is { } self ? new NodeLease(parts, self, sent) : null, answer.Refusal);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StoreUnavailableException("The database did not answer in time.", late);
        }
    }
}
