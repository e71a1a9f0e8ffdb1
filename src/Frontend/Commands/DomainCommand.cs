using System.CommandLine;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

internal static class DomainCommand
{
    public static Command Make(Terminal terminal)
    {
        var command = new Command("domain", "Mail domains of a running node");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(Add(terminal, target));
        command.Add(List(terminal, target));
        command.Add(Remove(terminal, target));
        return command;
    }

    private static Command Add(Terminal terminal, AdminTarget target)
    {
        var name = new Argument<string>("domain") { Description = "Its name, such as example.test" };
        var tenant = new Option<string?>(
            "--tenant") { Description = "The customer; made when it is new. Default: the domain's own name." };
        var command = new Command("add", "Adds a domain with its postmaster mailbox") { name, tenant };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var domain = arguments.GetRequiredValue(name);
            await client.SendAsync(
                HttpMethod.Post, "domains", new NewDomain(domain, arguments.GetValue(tenant)),
                AdminJson.Default.NewDomain, cancellationToken);
            terminal.Line($"Domain {domain} was added; mail to its users is taken from now on.");
        });
        return command;
    }

    private static Command List(Terminal terminal, AdminTarget target)
    {
        var json = new Option<bool>("--json") { Description = "One JSON list" };
        var command = new Command("list", "Lists the domains") { json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var domains = await client.ListAsync("domains", AdminJson.Default.PageDomainView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(domains, ListJson.Default.ListDomainView);
                return;
            }

            terminal.Table(["Domain", "Tenant"], [.. domains.Select(row => new[] { row.Name, row.Tenant })],
                "There is no domain yet.");
        });
        return command;
    }

    private static Command Remove(Terminal terminal, AdminTarget target)
    {
        var name = new Argument<string>("domain");
        var withUsers = new Option<bool>("--with-users") { Description = "Also its users and all their mail" };
        var command = new Command("remove", "Removes a domain") { name, withUsers };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var domain = arguments.GetRequiredValue(name);
            var query = arguments.GetValue(withUsers) ? "?withUsers=true" : "";
            await client.DeleteAsync($"domains/{AdminClient.Escape(domain)}{query}", cancellationToken);
            terminal.Line($"Domain {domain} was removed.");
        });
        return command;
    }
}
