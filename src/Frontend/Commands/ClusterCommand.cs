using System.CommandLine;
using System.Globalization;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

/// <summary>Looks at a cluster and takes a node out of it, through any node that runs.</summary>
internal static class ClusterCommand
{
    public static Command Make(Terminal terminal)
    {
        var command = new Command("cluster", "Nodes, shards and leases, as a running node sees them");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(Status(terminal, target));
        command.Add(Drain(terminal, target));
        return command;
    }

    private static Command Status(Terminal terminal, AdminTarget target)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var command = new Command("status", "Shows who is there and who has what") { json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var view = await client.GetAsync("cluster", AdminJson.Default.ClusterView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(view, AdminJson.Default.ClusterView);
                return;
            }

            terminal.Table(
                ["Node", "State", "Shards", "Lease", "Address", "Version", "Wire", "Incarnation", "Link"],
                [.. view.Nodes.Select(Cells)],
                "No node is there.");
            terminal.Line(string.Create(CultureInfo.InvariantCulture,
                $"{view.Shards} shards, {view.Moving} moving, {view.Unowned} without a home; as {view.Node} sees it."));
        });
        return command;
    }

    private static Command Drain(Terminal terminal, AdminTarget target)
    {
        var node = new Argument<string>("node") { Description = "Its name, as the status shows it" };
        var command = new Command(
            "drain", "Has a node hand its shards over, let its sessions finish, and end") { node };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var name = arguments.GetRequiredValue(node);
            var view = await client.PostAsync(
                $"cluster/nodes/{AdminClient.Escape(name)}/drain", AdminJson.Default.ClusterView, cancellationToken);
            var state = view.Nodes.FirstOrDefault(
                other => other.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.State;
            terminal.Line($"{name} is told to drain (now: {state ?? "gone"}). \"mailcluster cluster status\" shows it.");
        });
        return command;
    }

    private static string[] Cells(NodeView node) =>
    [
        node.Name,
        node.State,
        node.Shards.ToString(CultureInfo.InvariantCulture),
        node.State == "down" ? "-"
            : node.LeaseSeconds < 0 ? "expired"
            : string.Create(CultureInfo.InvariantCulture, $"{node.LeaseSeconds:0.0} s"),
        node.Address,
        node.Version,
        node.WireVersion.ToString(CultureInfo.InvariantCulture),
        node.Incarnation.ToString(CultureInfo.InvariantCulture),
        node.Link,
    ];
}
