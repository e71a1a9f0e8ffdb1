using System.CommandLine;

namespace MailCluster.Frontend.Commands;

/// <summary>Where a new password comes from: the command line, standard input, a question, or chance.</summary>
internal sealed class PasswordSource
{
    private readonly Option<string?> _password = new("--password")
    {
        Description = "The password; other users of this machine may see it in the list of processes.",
    };

    private readonly Option<bool> _standardInput = new("--password-stdin")
    {
        Description = "Reads the password from the first line of standard input.",
    };

    public void AddTo(Command command)
    {
        command.Add(_password);
        command.Add(_standardInput);
    }

    /// <summary>
    /// On a terminal it is asked for, and made up when nothing is typed; elsewhere it is made up, and shown once.
    /// </summary>
    public (string Text, bool IsGenerated) Read(ParseResult arguments, Terminal terminal)
    {
        if (arguments.GetValue(_password) is { } given)
        {
            return (given, false);
        }

        if (arguments.GetValue(_standardInput))
        {
            return (FromStandardInput(terminal), false);
        }

        return terminal.Secret("Password (nothing: one is made up):") is { Length: > 0 } typed
            ? (typed, false)
            : (UserCommand.GeneratePassword(), true);
    }

    public static string FromStandardInput(Terminal terminal) =>
        terminal.ReadLine() is { Length: > 0 } line
            ? line
            : throw new CommandException(ExitCode.Usage, "Standard input has no password in its first line.");
}
