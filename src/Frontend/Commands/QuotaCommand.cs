using System.CommandLine;
using System.Globalization;
using MailCluster.Frontend.Admin;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Commands;

internal static class QuotaCommand
{
    private const string Values = "none, or inherit (from the domain, its tenant, the configuration)";

    private static readonly Argument<string?> Name = new("name")
    {
        Description = "A mailbox (name@domain) or a domain",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<string?> Tenant = new("--tenant") { Description = "Of this customer instead" };

    public static Command Make(Terminal terminal)
    {
        var command = new Command("quota", "What mailboxes of a running node may hold, and for how long");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(Show(terminal, target));
        command.Add(Set(terminal, target));
        return command;
    }

    private static Command Show(Terminal terminal, AdminTarget target)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var command = new Command("show", "Shows the limits in force and where each comes from")
        {
            Name, Tenant, json,
        };
        RequireOneName(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var quota = await client.GetAsync(Path(arguments), AdminJson.Default.QuotaView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(quota, AdminJson.Default.QuotaView);
                return;
            }

            terminal.Table(["", "", "From"], [
                ["Name", quota.Name, ""],
                ["Storage", quota.Storage.Value is { } storage ? Size(storage) : "unlimited", quota.Storage.From],
                ["Warning", quota.Warning.Value is { } percent ? $"at {percent} %" : "none", quota.Warning.From],
                ["Retention", quota.Retention.Value is { } days ? $"{days} days" : "forever", quota.Retention.From],
                .. Used(quota),
            ], "");
        });
        return command;
    }

    private static Command Set(Terminal terminal, AdminTarget target)
    {
        var storage = new Option<string?>("--storage") { Description = $"Octets (500M, 10G), {Values}" };
        var warning = new Option<string?>("--warning") { Description = $"Percent of the storage, {Values}" };
        var retention = new Option<string?>("--retention") { Description = $"Days that messages are kept, {Values}" };
        var command = new Command("set", "Sets limits; what is not named stays")
        {
            Name, Tenant, storage, warning, retention,
        };
        RequireOneName(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(storage) is null && result.GetValue(warning) is null
                && result.GetValue(retention) is null)
            {
                result.AddError("Name what to set: --storage, --warning or --retention.");
            }
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var limits = new NewLimits(
                arguments.GetValue(storage), arguments.GetValue(warning), arguments.GetValue(retention));
            await client.SendAsync(
                HttpMethod.Patch, Path(arguments), limits, AdminJson.Default.NewLimits, cancellationToken);
            terminal.Line($"The limits of {arguments.GetValue(Tenant) ?? arguments.GetValue(Name)} were set.");
        });
        return command;
    }

    private static void RequireOneName(Command command) => command.Validators.Add(result =>
    {
        if (result.GetValue(Name) is null == result.GetValue(Tenant) is null)
        {
            result.AddError("Name one mailbox or domain, or a --tenant.");
        }
    });

    private static string Path(ParseResult arguments)
    {
        var (kind, name) = (arguments.GetValue(Tenant), arguments.GetValue(Name)) switch
        {
            ({ } tenant, _) => ("tenants", tenant),
            (_, { } mailbox) when mailbox.Contains('@') => ("mailboxes", mailbox),
            var (_, domain) => ("domains", domain!),
        };
        return $"quotas/{kind}/{AdminClient.Escape(name)}";
    }

    private static IEnumerable<string[]> Used(QuotaView quota)
    {
        if (quota.UsedOctets is { } used)
        {
            yield return ["Used", quota.UsedPercent is { } percent ? $"{Size(used)}, {percent} %" : Size(used), ""];
        }
    }

    private static string Size(long octets) => octets < 1024
        ? QuotaNotice.Size(octets)
        : string.Create(CultureInfo.InvariantCulture, $"{QuotaNotice.Size(octets)} ({octets:N0} octets)");
}
