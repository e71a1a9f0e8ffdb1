using System.CommandLine;
using System.Globalization;
using MailCluster.Frontend.Admin;
using MailCluster.Frontend.Import;
using Spectre.Console;

namespace MailCluster.Frontend.Commands;

/// <summary>"import maildir|mbox": another server's mailbox into one of a running node.</summary>
internal static class ImportCommand
{
    private const string Dovecot = "dovecot";
    private const string XUidl = "x-uidl";

    public static Command Make(Terminal terminal)
    {
        var command = new Command(
            "import", "Brings another server's mailbox into a running node; begun again, it goes on where it stopped")
        {
            Maildir(terminal),
            Mbox(terminal),
        };
        return command;
    }

    private static Command Maildir(Terminal terminal)
    {
        var path = new Argument<string>("path") { Description = "The folder that has cur and new" };
        var uidl = new Option<string?>("--uidl-from")
        {
            Description = "dovecot: keeps the POP3 unique-ids that Dovecot gave, by its dovecot-uidlist. Default: new ones",
        };
        uidl.AcceptOnlyFromAmong(Dovecot);
        var format = new Option<string>("--uidl-format")
        {
            Description = "Dovecot's pop3_uidl_format",
            DefaultValueFactory = _ => UniqueIdFormat.Default,
        };
        var command = new Command("maildir", "Brings a Maildir") { path, uidl, format };
        var common = new ImportOptions(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var fault = "";
            var ids = arguments.GetValue(uidl) is null
                ? null
                : UniqueIdFormat.Parse(arguments.GetRequiredValue(format), out fault)
                    ?? throw new CommandException(ExitCode.Usage, $"--uidl-format: {fault}.");
            var folder = arguments.GetRequiredValue(path);
            return RunAsync(
                common, arguments, terminal, folder, () => new MaildirSource(folder, ids), cancellationToken);
        });
        return command;
    }

    private static Command Mbox(Terminal terminal)
    {
        var path = new Argument<string>("path") { Description = "The file" };
        var format = new Option<string>("--mbox-format")
        {
            Description = "rd: every \">\" before \">From \" was put there; o: only one before \"From \"",
            DefaultValueFactory = _ => "rd",
        };
        format.AcceptOnlyFromAmong("rd", "o");
        var uidl = new Option<string?>("--uidl-from")
        {
            Description = "x-uidl: keeps the POP3 unique-ids that stand in X-UIDL fields. Default: new ones",
        };
        uidl.AcceptOnlyFromAmong(XUidl);
        var command = new Command("mbox", "Brings an mbox") { path, format, uidl };
        var common = new ImportOptions(command);
        command.SetAction((arguments, cancellationToken) =>
        {
            var file = arguments.GetRequiredValue(path);
            var quoting = arguments.GetValue(format) == "o" ? MboxQuoting.O : MboxQuoting.Rd;
            var takesIds = arguments.GetValue(uidl) is not null;
            return RunAsync(
                common, arguments, terminal, file, () => new MboxSource(file, quoting, takesIds), cancellationToken);
        });
        return command;
    }

    private static async Task RunAsync(
        ImportOptions options, ParseResult arguments, Terminal terminal, string path, Func<IMessageSource> open,
        CancellationToken cancellationToken)
    {
        using var client = options.Target.Connect(arguments);
        var mailbox = await client.GetAsync(
            $"mailboxes/{AdminClient.Escape(options.MailboxOf(arguments))}", AdminJson.Default.MailboxView,
            cancellationToken);
        var report = new ImportReport(mailbox.Address, path, options.IsDryRun(arguments));
        try
        {
            var source = open();
            if (report.DryRun)
            {
                ImportRun.Count(source, report);
            }
            else
            {
                await RunAsync(
                    new ImportRun(client, TimeProvider.System, report), source, report,
                    options.IsJson(arguments) ? null : terminal, cancellationToken);
            }
        }
        catch (SourceFault fault)
        {
            throw new CommandException(ExitCode.NoInput, $"{path}: {fault.Message}");
        }

        Show(report, options.IsJson(arguments), terminal);
        if (report.SkippedCount > 0)
        {
            throw new CommandException(
                ExitCode.Refused, $"{Number(report.SkippedCount)} messages are not in the mailbox.");
        }
    }

    /// <param name="terminal">Null: progress is not shown.</param>
    private static async Task RunAsync(
        ImportRun run, IMessageSource source, ImportReport report, Terminal? terminal,
        CancellationToken cancellationToken)
    {
        if (terminal is { IsInteractive: true })
        {
            await terminal.Ansi.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                    new RemainingTimeColumn())
                .StartAsync(async progress =>
                {
                    var bar = progress.AddTask("Importing", maxValue: Math.Max(source.Total, 1));
                    await run.RunAsync(
                        source,
                        done =>
                        {
                            bar.Value = done;
                            bar.Description = $"{Number(report.Imported + report.AlreadyThere)} messages";
                        },
                        cancellationToken);
                });
            return;
        }

        var tenths = 0L;
        await run.RunAsync(
            source,
            done =>
            {
                if (done * 10 / Math.Max(source.Total, 1) > tenths)
                {
                    tenths = done * 10 / Math.Max(source.Total, 1);
                    terminal?.Line($"{tenths * 10} %: {Number(report.Imported + report.AlreadyThere)} messages");
                }
            },
            cancellationToken);
    }

    private static void Show(ImportReport report, bool json, Terminal terminal)
    {
        if (json)
        {
            terminal.Json(report, ImportJson.Default.ImportReport);
            return;
        }

        foreach (var skipped in report.Skipped)
        {
            terminal.Line($"Skipped {skipped.Name}: {skipped.Reason}");
        }

        terminal.Line(
            $"{report.Mailbox}: {Number(report.Imported)} messages ({Number(report.Octets)} octets) "
            + (report.DryRun ? "would be imported; nothing was written."
                : $"were imported, {Number(report.AlreadyThere)} were there already, "
                    + $"{Number(report.SkippedCount)} were skipped."));
        if (report.WithoutUniqueId > 0)
        {
            terminal.Line(
                $"{Number(report.WithoutUniqueId)} had no unique-id that can be kept and get new ones: clients may fetch them again.");
        }

        if (report.WithoutFlags > 0)
        {
            terminal.Line($"{Number(report.WithoutFlags)} had flags that are not kept (passed, keywords).");
        }
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
