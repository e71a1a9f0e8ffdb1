using System.CommandLine;
using System.Globalization;
using System.Text;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

internal static class QueueCommand
{
    public static Command Make(Terminal terminal)
    {
        var command = new Command("queue", "Accepted messages that wait for their mailbox, on a running node");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(List(terminal, target));
        command.Add(Show(terminal, target));
        command.Add(Retry(terminal, target));
        return command;
    }

    private static Command List(Terminal terminal, AdminTarget target)
    {
        var mailbox = new Option<string?>("--mailbox") { Description = "Only for the mailbox of this user" };
        var recipient =
            new Option<string?>("--recipient") { Description = "Only for this address, which may be an alias" };
        var domain = new Option<string?>("--domain") { Description = "Only for addresses of this domain" };
        var limit = new Option<int?>("--limit") { Description = "At most so many rows; without it: all" };
        limit.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && long.TryParse(token.Value, out var rows) && rows < 1)
            {
                result.AddError("--limit takes a number from 1 on.");
            }
        });
        var after = new Option<string?>("--after") { Description = "Goes on behind the row with this id" };
        var json = new Option<bool>("--json") { Description = "One JSON list" };
        var command =
            new Command("list", "Lists them, oldest first") { mailbox, recipient, domain, limit, after, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var query = new StringBuilder();
            Add(query, "mailbox", arguments.GetValue(mailbox));
            Add(query, "recipient", arguments.GetValue(recipient));
            Add(query, "domain", arguments.GetValue(domain));
            var rows = await ReadAsync(
                client, query.ToString(), arguments.GetValue(limit), arguments.GetValue(after), cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(rows, ListJson.Default.ListQueuedView);
                return;
            }

            terminal.Table(
                ["Id", "Message", "Sender", "Recipient", "Octets", "Queued", "Attempts", "Next attempt", "Last error"],
                [.. rows.Select(Cells)],
                "Nothing waits.");
        });
        return command;
    }

    private static Command Show(Terminal terminal, AdminTarget target)
    {
        var id = new Argument<string>("id") { Description = "As the list shows it" };
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var command = new Command("show", "Shows one of them") { id, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var row = await client.GetAsync(
                $"queue/{AdminClient.Escape(arguments.GetRequiredValue(id))}", AdminJson.Default.QueuedView,
                cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(row, AdminJson.Default.QueuedView);
                return;
            }

            var cells = Cells(row);
            terminal.Table(["", ""], [
                ["Id", cells[0]],
                ["Message", cells[1]],
                ["Sender", cells[2]],
                ["Recipient", cells[3]],
                ["Octets", cells[4]],
                ["Queued", cells[5]],
                ["Attempts", cells[6]],
                ["Next attempt", cells[7]],
                ["Last error", cells[8]],
            ], "");
        });
        return command;
    }

    private static Command Retry(Terminal terminal, AdminTarget target)
    {
        var id = new Argument<string?>("id") { Description = "As the list shows it", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "All of them, those that were given up too" };
        var command = new Command("retry", "Tries to deliver now") { id, all };
        command.Validators.Add(result =>
        {
            if (result.GetValue(id) is null != result.GetValue(all))
            {
                result.AddError("Name one id, or --all.");
            }
        });
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var path = arguments.GetValue(id) is { } one ? $"queue/{AdminClient.Escape(one)}/retry" : "queue/retry";
            var done = await client.PostAsync(path, AdminJson.Default.RetriedView, cancellationToken);
            terminal.Line(
                string.Create(CultureInfo.InvariantCulture, $"{done.Retried} queued messages are tried again."));
        });
        return command;
    }

    private static async Task<List<QueuedView>> ReadAsync(
        AdminClient client, string query, int? limit, string? after, CancellationToken cancellationToken)
    {
        var rows = new List<QueuedView>();
        do
        {
            var count = Math.Min(AdminEndpoints.PageSizeMax, (limit ?? int.MaxValue) - rows.Count);
            var path = new StringBuilder($"queue?limit={count}").Append(query);
            Add(path, "after", after);
            var page = await client.GetAsync(path.ToString(), AdminJson.Default.PageQueuedView, cancellationToken);
            rows.AddRange(page.Items);
            after = page.Next;
        }
        while (after is not null && rows.Count < (limit ?? int.MaxValue));
        return rows;
    }

    private static void Add(StringBuilder query, string name, string? value)
    {
        if (value is not null)
        {
            query.Append('&').Append(name).Append('=').Append(AdminClient.Escape(value));
        }
    }

    private static string[] Cells(QueuedView row) =>
    [
        row.Id,
        row.Message,
        $"<{row.Sender}>",
        row.Recipient,
        row.Octets.ToString(CultureInfo.InvariantCulture),
        Write(row.Queued),
        row.Attempts.ToString(CultureInfo.InvariantCulture),
        row.NextAttempt is { } next ? Write(next) : "given up",
        row.LastError ?? "-",
    ];

    private static string Write(DateTimeOffset time) =>
        time.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
