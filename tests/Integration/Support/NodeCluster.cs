using System.Globalization;
using System.Text.Json;
using MailCluster.Testing;
using Npgsql;

namespace MailCluster.Integration.Support;

/// <summary>
/// Several nodes, each the real program in a process of its own, on one PostgreSQL of the test's own.
/// </summary>
internal sealed class NodeCluster : IDisposable
{
    private readonly Workplace _workplace = new();
    private readonly Workplace[] _places;
    private readonly NodeSettings[] _settings;
    private readonly Node?[] _nodes;

    private NodeCluster(int nodes, int users, bool hasStandby)
    {
        Users = users;
        Network = new NodeNetwork(nodes);
        Database = new PostgresServer($"listen_addresses = '127.0.0.1,{Network.Database}'");
        Database.Admit("198.18.0.0/15");
        string connection = Database.NewDatabaseAsync().GetAwaiter().GetResult()
            .Replace("127.0.0.1", Network.Database, StringComparison.Ordinal);
        if (hasStandby)
        {
            Standby = Database.NewStandby(isSynchronous: true);
            connection = new NpgsqlConnectionStringBuilder(connection)
            {
                Host = $"{Network.Database}:{Database.Port},{Network.Database}:{Standby.Port}",
                TargetSessionAttributes = "read-write",
            }.ConnectionString;
        }

        _places = [.. Enumerable.Range(0, nodes).Select(_ => new Workplace())];
        _settings = [.. Enumerable.Range(1, nodes).Select(node => SettingsOf(node, connection, _places[node - 1]))];
        _nodes = new Node?[nodes];
    }

    public PostgresServer Database { get; }

    /// <summary>Null: the cluster was started without one.</summary>
    public PostgresServer? Standby { get; }

    public NodeNetwork Network { get; }

    public int Users { get; }

    public int Count => _nodes.Length;

    /// <summary>From 1 on.</summary>
    public Node this[int node] => _nodes[node - 1]
        ?? throw new InvalidOperationException($"node{node} does not run.");

    /// <param name="hasStandby">The database has a synchronous standby, and the nodes know both.</param>
    public static NodeCluster Start(
        int nodes, int users, Action<NodeSettings>? configure = null, bool hasStandby = false)
    {
        NodeCluster cluster = new(nodes, users, hasStandby);
        try
        {
            foreach (NodeSettings settings in cluster._settings)
            {
                configure?.Invoke(settings);
            }

            for (int node = 1; node <= nodes; node++)
            {
                cluster.StartNode(node);
            }

            cluster.WaitUntilBalanced();
            return cluster;
        }
        catch
        {
            cluster.Dispose();
            throw;
        }
    }

    public NodeSettings Settings(int node) => _settings[node - 1];

    public void StartNode(int node)
    {
        _nodes[node - 1]?.Dispose();
        _nodes[node - 1] = Node.Start(Settings(node));
    }

    public void Kill(int node) => this[node].KillNow();

    /// <summary>One that runs, for a client that does not care; null: none does.</summary>
    public Node? Any(int client)
    {
        Node[] running = [.. _nodes.OfType<Node>().Where(node => !node.HasExited)];
        return running.Length == 0 ? null : running[client % running.Length];
    }

    /// <summary>A node that says it is the first one.</summary>
    public NodeSettings Twin(Workplace workplace)
    {
        NodeSettings twin = SettingsOf(1, (string)_settings[0].Root["Store"]!["ConnectionString"]!, workplace);
        twin.SeedUsers = 0;
        twin.Root["Cluster"]!["Endpoint"] = $"{Network.AddressOf(1)}:0";
        return twin;
    }

    /// <summary>Nothing waits in the spool any more.</summary>
    public void WaitUntilDelivered() => Until.True(
        () => JsonDocument.Parse(Any(0)!.Admin("queue", "list", "--json")).RootElement.GetArrayLength() == 0,
        "the spool is empty");

    /// <summary>Every shard has a home that is up, and nodes that are up have the same number, or one more.</summary>
    public void WaitUntilBalanced(int via = 1) => Until.True(
        () =>
        {
            int[] shares = [.. Status(via).GetProperty("nodes").EnumerateArray()
                .Where(node => node.GetProperty("state").GetString() == "up")
                .Select(node => node.GetProperty("shards").GetInt32())];
            return shares.Sum() == 1024 && shares.Length == _nodes.Count(node => node is { HasExited: false })
                && shares.Max() - shares.Min() <= 1;
        },
        "the shards are spread over all nodes");

    /// <summary>What "cluster status --json" says on a node.</summary>
    public JsonElement Status(int via)
    {
        using JsonDocument document = JsonDocument.Parse(Admin(via, "cluster", "status", "--json"));
        return document.RootElement.Clone();
    }

    public string StateOf(int node, int via) => Status(via).GetProperty("nodes").EnumerateArray()
        .First(row => row.GetProperty("name").GetString() == NameOf(node)).GetProperty("state").GetString()!;

    public string Admin(int via, params string[] words) => this[via].Admin(words);

    public static string NameOf(int node) =>
        string.Create(CultureInfo.InvariantCulture, $"mx{node}.example.test");

    public void Dispose()
    {
        foreach (Node? node in _nodes)
        {
            node?.Dispose();
        }

        Standby?.Dispose();
        Database.Dispose();
        Network.Dispose();
        foreach (Workplace place in _places)
        {
            place.Dispose();
        }

        _workplace.Dispose();
    }

    private NodeSettings SettingsOf(int node, string connection, Workplace place)
    {
        string address = Network.AddressOf(node);
        // Loopback has ports of others; a namespace has none.
        int port = Network.CanCut ? 7000 : FreePort.On(address);
        NodeSettings settings = new(place)
        {
            SeedUsers = node == 1 ? Users : 0,
            Wrapper = Network.WrapperOf(node),
        };
        settings.Root["Node"]!["Name"] = NameOf(node);
        settings.Root["Node"]!["AdvertisedAddress"] = $"{address}:{port}";
        settings.Root["Store"] = new System.Text.Json.Nodes.JsonObject
        {
            ["Kind"] = "PostgreSql",
            ["ConnectionString"] = connection,
        };
        settings.Root["Cluster"] = new System.Text.Json.Nodes.JsonObject { ["Endpoint"] = $"{address}:{port}" };
        settings.Root["Http"]!["Endpoint"] = $"{address}:0";
        settings.Root["Http"]!["AdminTokenFile"] = _workplace.File("admin.token");
        foreach (string section in (string[])["Smtp", "Pop3"])
        {
            foreach (var binding in settings.Root[section]!["Bindings"]!.AsArray())
            {
                binding!["Endpoint"] = $"{address}:0";
            }
        }

        return settings;
    }
}
