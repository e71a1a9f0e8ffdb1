using System.CommandLine;

namespace MailCluster.Frontend.Commands;

/// <summary>What every kind of import is told.</summary>
internal sealed class ImportOptions
{
    private readonly Option<string> _mailbox = new("--mailbox")
    {
        Description = "name@domain of a user that exists",
        Required = true,
    };

    private readonly Option<bool> _dryRun = new("--dry-run")
    {
        Description = "Reads everything, writes nothing",
    };

    private readonly Option<bool> _json = new("--json") { Description = "One JSON object, no progress" };

    public ImportOptions(Command command)
    {
        command.Add(_mailbox);
        command.Add(_dryRun);
        command.Add(_json);
        Target.AddTo(command);
    }

    public AdminTarget Target { get; } = new();

    public string MailboxOf(ParseResult arguments) => arguments.GetRequiredValue(_mailbox);

    public bool IsDryRun(ParseResult arguments) => arguments.GetValue(_dryRun);

    public bool IsJson(ParseResult arguments) => arguments.GetValue(_json);
}
