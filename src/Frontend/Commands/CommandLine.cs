using System.CommandLine;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Commands;

/// <summary>The program's commands, and the one place where a failure becomes a message and an exit code.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] arguments, Terminal terminal)
    {
        var parsed = Make(terminal).Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await terminal.Error.WriteLineAsync(error.Message);
            }

            await terminal.Error.WriteLineAsync("Try --help.");
            return ExitCode.Usage;
        }

        try
        {
            // Signals are the node's own affair: it drains, which takes longer than any time-out of the parser.
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
                Output = terminal.Output,
                Error = terminal.Error,
            });
        }
        catch (CommandException failure)
        {
            await terminal.Error.WriteLineAsync(failure.Message);
            return failure.Code;
        }
        catch (ConfigurationFaultException faults)
        {
            await terminal.Error.WriteLineAsync("The configuration cannot be used:");
            foreach (var fault in faults.Faults)
            {
                await terminal.Error.WriteLineAsync($"  {fault}");
            }

            return ExitCode.Configuration;
        }
        catch (Exception defect)
        {
            // Not the abort of a process that crashed: what the command had begun was ended in order.
            await terminal.Error.WriteLineAsync($"A defect of this program, please report it: {defect}");
            return ExitCode.Defect;
        }
    }

    private static RootCommand Make(Terminal terminal)
    {
        var version = new Command("version", "Shows the version");
        version.SetAction(_ => terminal.Line(ProgramVersion.Text));
        var docs = DocsCommand.Make(terminal);
        docs.Hidden = true;
        return new RootCommand("MailCluster: mail in by SMTP, out by POP3, on one node or many")
        {
            ServeCommand.Make(terminal),
            DomainCommand.Make(terminal),
            UserCommand.Make(terminal),
            AliasCommand.Make(terminal),
            MailboxCommand.Make(terminal),
            ImportCommand.Make(terminal),
            QueueCommand.Make(terminal),
            QuotaCommand.Make(terminal),
            ClusterCommand.Make(terminal),
            StoreCommand.Make(terminal),
            CheckConfigCommand.Make(terminal),
            ConformanceCommand.Make(terminal, TimeProvider.System),
            LoadCommand.Make(terminal, TimeProvider.System),
            version,
            docs,
        };
    }
}
