using System.Globalization;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation;

/// <summary>Which connections were admitted and are open, as their clients know: I6.</summary>
internal sealed class PermitLedger(Events events)
{
    private readonly SortedDictionary<int, List<(SimulatedProcess At, string Node, long Connection)>> _open = [];

    public int Admitted { get; private set; }

    public int Refused { get; private set; }

    public int Unreachable { get; private set; }

    /// <summary>The most that one source has had at once.</summary>
    public int Most { get; private set; }

    public int OpenOf(int source) => _open.TryGetValue(source, out var open) ? open.Count : 0;

    /// <param name="most">That may be open at this moment, this one included.</param>
    public void Admit(int source, Node node, long connection, int most)
    {
        if (!_open.TryGetValue(source, out var open))
        {
            _open[source] = open = [];
        }

        open.Add((node.Process, node.Name, connection));
        Admitted++;
        Most = Math.Max(Most, open.Count);
        events.Add($"admit {source} {node.Name} {connection}: {open.Count}");
        if (open.Count > most)
        {
            var who = string.Join(' ', open.Select(permit => string.Create(
                CultureInfo.InvariantCulture, $"{permit.Node}/{permit.Connection}")));
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

    public void Close(int source, long connection)
    {
        if (_open.TryGetValue(source, out var open) && open.RemoveAll(permit => permit.Connection == connection) > 0)
        {
            events.Add($"close {source} {connection}");
        }
    }

    /// <summary>Until no connection is open at this process.</summary>
    public async Task ClosedAsync(SimulatedProcess process, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested
            && _open.Values.Any(open => open.Exists(permit => permit.At == process)))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), process.Time, CancellationToken.None);
        }
    }

    /// <summary>Its connections have ended with it.</summary>
    public void Died(SimulatedProcess process)
    {
        foreach (var open in _open.Values)
        {
            open.RemoveAll(permit => permit.At == process);
        }
    }
}
