using System.CommandLine;
using System.Globalization;
using MailCluster.Frontend.Options;
using MailCluster.Storage;
using MailCluster.Storage.Postgres;
using MailCluster.Storage.Sqlite;

namespace MailCluster.Frontend.Commands;

/// <summary>What is done to a store that no node has open.</summary>
internal static class StoreCommand
{
    public static Command Make(Terminal terminal)
    {
        var command = new Command("store", "The store itself, while no node runs on it");
        command.Add(AcceptRestore(terminal));
        return command;
    }

    private static Command AcceptRestore(Terminal terminal)
    {
        var config = new Option<string?>("--config") { Description = "The configuration of a node." };
        var data = new Option<string?>("--data") { Description = "The data directory; wins over Node.DataDirectory." };
        var command = new Command(
            "accept-restore",
            "After a restore to an earlier point: gives every folder a new UIDVALIDITY and raises every mailbox's last "
                + "number, so that no id is given twice; nodes then start again. Mail clients fetch their folders anew.")
        {
            config, data,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            var options = ConfigurationLoader.Load(arguments.GetValue(config), arguments.GetValue(data)).Options;
            try
            {
                var mailboxes = options.Store.Kind == StoreKind.PostgreSql
                    ? await PostgresHistory.AcceptAsync(
                        options.Store.ConnectionString, options.Node.DataDirectory, TimeProvider.System,
                        cancellationToken)
                    : SqliteMailStore.AcceptRestore(options.Node.DataDirectory, TimeProvider.System);
                terminal.Line(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The restore is accepted: {mailboxes} mailboxes give new ids from here on. Nodes can start."));
            }
            catch (StoreOpenException refusal)
            {
                throw new CommandException(ExitCode.Refused, refusal.Message);
            }
        });
        return command;
    }
}
