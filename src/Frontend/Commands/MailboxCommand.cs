using System.CommandLine;
using System.Globalization;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

internal static class MailboxCommand
{
    public static Command Make(Terminal terminal)
    {
        var address = new Argument<string>("address") { Description = "name@domain" };
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var show = new Command("show", "Shows how much is in a mailbox") { address, json };
        var target = new AdminTarget();
        show.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var path = $"mailboxes/{AdminClient.Escape(arguments.GetRequiredValue(address))}";
            var mailbox = await client.GetAsync(path, AdminJson.Default.MailboxView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(mailbox, AdminJson.Default.MailboxView);
                return;
            }

            terminal.Table(["", ""], [
                ["Mailbox", mailbox.Address],
                ["State", mailbox.Suspended ? "suspended" : "active"],
                ["Messages", mailbox.Messages.ToString("N0", CultureInfo.InvariantCulture)],
                ["Octets", mailbox.Octets.ToString("N0", CultureInfo.InvariantCulture)],
                ["Quota", Quota(mailbox)],
                ["Oldest", Write(mailbox.Oldest)],
                ["Newest", Write(mailbox.Newest)],
            ], "");
        });
        var command = new Command("mailbox", "Mailboxes of a running node") { show };
        target.AddTo(command);
        return command;
    }

    private static string Quota(MailboxView mailbox) => mailbox.QuotaOctets is { } octets
        ? string.Create(CultureInfo.InvariantCulture, $"{octets:N0} octets, {mailbox.UsedPercent} % used")
        : "unlimited";

    private static string Write(DateTimeOffset? time) =>
        time?.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture) ?? "-";
}
