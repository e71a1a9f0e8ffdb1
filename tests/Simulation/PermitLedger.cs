using System.Globalization;
using MailCluster.Shared.Cluster;

namespace MailCluster.Simulation;

/// <summary>Which connections were admitted and are open, as their clients know: I6.</summary>
internal sealed class PermitLedger(Events events)
{
    private readonly SortedDictionary<int, List<(NodePeer Node, long Connection)>> _open = [];

    public int Admitted { get; private set; }

    public int Refused { get; private set; }

    public int Unreachable { get; private set; }

    /// <summary>The most that one source has had at once.</summary>
    public int Most { get; private set; }

    public int OpenOf(int source) => _open.TryGetValue(source, out var open) ? open.Count : 0;

    /// <param name="most">That may be open at this moment, this one included.</param>
    public void Admit(int source, NodePeer node, long connection, int most)
    {
        if (!_open.TryGetValue(source, out var open))
        {
            _open[source] = open = [];
        }

        open.Add((node, connection));
        Admitted++;
        Most = Math.Max(Most, open.Count);
        events.Add($"admit {source} node {node.Id.Value}/{node.Incarnation.Value} {connection}: {open.Count}");
        if (open.Count > most)
        {
            var who = string.Join(' ', open.Select(permit => string.Create(
                CultureInfo.InvariantCulture, $"{permit.Node.Id.Value}/{permit.Connection}")));
            throw new InvariantBrokenException(
                "I6", $"Source {source} has {open.Count} connections and may have {most}: {who}.");
        }
    }

    public void Refuse(int source, bool isUnreachable)
    {
        events.Add($"refuse {source} {isUnreachable}");
        Refused += isUnreachable ? 0 : 1;
        Unreachable += isUnreachable ? 1 : 0;
    }

    public void Close(int source, NodePeer node, long connection)
    {
        if (_open.TryGetValue(source, out var open) && open.Remove((node, connection)))
        {
            events.Add($"close {source} {connection}");
        }
    }

    /// <summary>Its connections have ended with it.</summary>
    public void Died(NodePeer node)
    {
        foreach (var open in _open.Values)
        {
            open.RemoveAll(permit => permit.Node == node);
        }
    }
}
