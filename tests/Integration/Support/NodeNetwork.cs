using System.Globalization;

namespace MailCluster.Integration.Support;

/// <summary>
/// Where the nodes of a cluster are. As root each is in a network namespace of its own behind one bridge, so that it
/// can be cut off from the others and from the database as by a broken switch; else on 127.0.0.x, where it cannot.
/// </summary>
internal sealed class NodeNetwork : IDisposable
{
    private static int s_networks;

    private readonly string _name;
    private readonly string _net;
    private readonly int _nodes;

    public NodeNetwork(int nodes)
    {
        _nodes = nodes;
        CanCut = Environment.IsPrivilegedProcess;
        int number = Interlocked.Increment(ref s_networks);
        _name = string.Create(
            CultureInfo.InvariantCulture, $"mc{Environment.ProcessId & 0xFFFF:x}{number & 0xFF:x}");
        // One of the test networks of RFC 2544, so that nothing of the machine's own is hidden.
        int third = (Environment.ProcessId + number) & 0xFF;
        _net = CanCut ? string.Create(CultureInfo.InvariantCulture, $"198.18.{third}.") : "127.0.0.";
        if (!CanCut)
        {
            return;
        }

        Tool.Require("ip");
        try
        {
            Build();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public bool CanCut { get; }

    /// <summary>Where the database listens.</summary>
    public string Database => CanCut ? _net + "254" : "127.0.0.1";

    /// <param name="node">From 1 on.</param>
    public string AddressOf(int node) => string.Create(CultureInfo.InvariantCulture, $"{_net}{node}");

    /// <summary>What a program is started by, so that it is there.</summary>
    public string[] WrapperOf(int node) => CanCut ? ["ip", "netns", "exec", NamespaceOf(node)] : [];

    /// <summary>Neither gets anything of the other any more; connections stay open and silent.</summary>
    public void CutFromPeers(int node)
    {
        for (int other = 1; other <= _nodes; other++)
        {
            if (other != node)
            {
                Hide(node, AddressOf(other));
            }
        }
    }

    /// <inheritdoc cref="CutFromPeers"/>
    public void CutFromDatabase(int node) => Hide(node, Database);

    public void Heal(int node)
    {
        foreach (string line in Ip("-n", NamespaceOf(node), "route", "show", "type", "blackhole").Split('\n'))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, string address, ..])
            {
                Ip("-n", NamespaceOf(node), "route", "del", "blackhole", address);
            }
        }
    }

    public void Dispose()
    {
        if (!CanCut)
        {
            return;
        }

        for (int node = 1; node <= _nodes; node++)
        {
            Tool.Try("ip", null, "netns", "del", NamespaceOf(node));
        }

        Tool.Try("ip", null, "link", "del", _name);
    }

    private static string Ip(params string[] words) => Tool.Run("ip", words);

    private string NamespaceOf(int node) => string.Create(CultureInfo.InvariantCulture, $"{_name}n{node}");

    private void Hide(int node, string address) =>
        Ip("-n", NamespaceOf(node), "route", "add", "blackhole", $"{address}/32");

    private void Build()
    {
        Ip("link", "add", _name, "type", "bridge");
        Ip("addr", "add", $"{Database}/24", "dev", _name);
        Ip("link", "set", _name, "up");
        for (int node = 1; node <= _nodes; node++)
        {
            string space = NamespaceOf(node);
            Ip("netns", "add", space);
            Ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space);
            Ip("link", "set", space, "master", _name, "up");
            Ip("-n", space, "addr", "add", $"{AddressOf(node)}/24", "dev", "eth0");
            Ip("-n", space, "link", "set", "eth0", "up");
            Ip("-n", space, "link", "set", "lo", "up");
        }

        // A bridge forwards for a port once the kernel has seen its carrier, which it looks for at most once a second.
        for (int node = 1; node <= _nodes; node++)
        {
            string space = NamespaceOf(node);
            Until.True(
                () => Ip("-d", "link", "show", "dev", space).Contains("state forwarding", StringComparison.Ordinal),
                $"the bridge forwards for {space}");
        }
    }
}
