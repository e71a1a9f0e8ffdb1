using System.CommandLine;

namespace MailCluster.Frontend.Commands;

/// <summary>
/// Prints docs/configuration.md and docs/metrics.md from the program itself; hidden, for those who change it.
/// </summary>
internal static class DocsCommand
{
    public static Command Make(Terminal terminal)
    {
        var configuration = new Command("configuration", "docs/configuration.md");
        configuration.SetAction(_ => terminal.Output.Write(ConfigurationDocument.Write()));
        var metrics = new Command("metrics", "docs/metrics.md");
        metrics.SetAction(async (_, _) => terminal.Output.Write(await MetricsDocument.WriteAsync()));
        return new Command("docs", "Prints documentation that is made from the program") { configuration, metrics };
    }
}
