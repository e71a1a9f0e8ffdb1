using System.CommandLine;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

internal static class AliasCommand
{
    public static Command Make(Terminal terminal)
    {
        var command = new Command("alias", "Aliases of a running node");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(Add(terminal, target));
        command.Add(List(terminal, target));
        command.Add(Remove(terminal, target));
        return command;
    }

    private static Command Add(Terminal terminal, AdminTarget target)
    {
        var address = new Argument<string>("address") { Description = "The alias, name@domain" };
        var targets =
            new Argument<string[]>("target") { Description = "Who gets its mail", Arity = ArgumentArity.OneOrMore };
        var command = new Command("add", "Adds an alias for one or more addresses") { address, targets };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var alias = new AliasView(arguments.GetRequiredValue(address), arguments.GetRequiredValue(targets));
            await client.SendAsync(HttpMethod.Post, "aliases", alias, AdminJson.Default.AliasView, cancellationToken);
            terminal.Line($"Alias {alias.Address} was added.");
        });
        return command;
    }

    private static Command List(Terminal terminal, AdminTarget target)
    {
        var domain = new Argument<string>("domain");
        var json = new Option<bool>("--json") { Description = "One JSON list" };
        var command = new Command("list", "Lists the aliases of a domain") { domain, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var path = $"domains/{AdminClient.Escape(arguments.GetRequiredValue(domain))}/aliases";
            var aliases = await client.ListAsync(path, AdminJson.Default.PageAliasView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(aliases, ListJson.Default.ListAliasView);
                return;
            }

            terminal.Table(
                ["Alias", "Targets"],
                [.. aliases.Select(row => new[] { row.Address, string.Join(", ", row.Targets) })],
                "The domain has no aliases.");
        });
        return command;
    }

    private static Command Remove(Terminal terminal, AdminTarget target)
    {
        var address = new Argument<string>("address");
        var command = new Command("remove", "Removes an alias") { address };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var alias = arguments.GetRequiredValue(address);
            await client.DeleteAsync($"aliases/{AdminClient.Escape(alias)}", cancellationToken);
            terminal.Line($"Alias {alias} was removed.");
        });
        return command;
    }
}
