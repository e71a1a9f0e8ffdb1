using MailCluster.Actors.Storage;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Edge;

namespace MailCluster.Frontend.Observability;

/// <summary>
/// What /health/ready says of the node: starting, serving, draining, what the store says of itself, and what is short.
/// </summary>
internal sealed class NodeStatus(
    IMailStore store, ResourceWatch resources, OverloadGate overload, ClusterNode? cluster = null)
{
    private volatile bool _isServing;
    private volatile bool _isDraining;

    public bool IsDraining => _isDraining;

    /// <summary>Why no new work should come here; empty when it should.</summary>
    public IReadOnlyList<string> Reasons
    {
        get
        {
            var reasons = new List<string>();
            if (_isDraining)
            {
                reasons.Add("the node drains");
            }
            else if (!_isServing)
            {
                reasons.Add("the node starts");
            }

            if (store.Fault is { } fault)
            {
                reasons.Add($"the store takes no writes: {fault}");
            }

            if (cluster is not null)
            {
                reasons.AddRange(cluster.Reasons);
            }

            return reasons;
        }
    }

    /// <summary>
    /// Why new mail (OXSMTP-EV-12) or new connections (OXSMTP-EV-15) are refused although the node is ready; empty when
    /// they are taken. No reason to send nobody here: POP3 or whoever is connected is served, and the others are told
    /// to come again.
    /// </summary>
    public IReadOnlyList<string> Shortages =>
        new[] { resources.Why, overload.Why }.OfType<string>().ToList();

    /// <summary>What may lose acknowledged mail although the node is ready: settings of the database.</summary>
    public IReadOnlyList<string> Advice => cluster?.Database.Advice ?? [];

    public void Serve() => _isServing = true;

    public void Drain() => _isDraining = true;
}
