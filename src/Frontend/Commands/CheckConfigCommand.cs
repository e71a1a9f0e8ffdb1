using System.CommandLine;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;

namespace MailCluster.Frontend.Commands;

/// <summary>Reads a configuration as serve would, and says what would not be in force.</summary>
internal static class CheckConfigCommand
{
    public static Command Make(Terminal terminal)
    {
        var config = new Option<string?>(
            "--config") { Description = "The file; without it the defaults and the environment are looked at." };
        var command = new Command("check-config", "Checks a configuration without starting anything") { config };
        command.SetAction(arguments =>
        {
            var file = arguments.GetValue(config);
            var loaded = ConfigurationLoader.Load(file);
            terminal.Line(file is null ? "Defaults and environment: valid." : $"{file}: valid.");
            foreach (var (key, name, endpoints) in loaded.Options.Listeners)
            {
                terminal.Line($"  listens: {name} on {OptionText.Write(endpoints)}");
            }

            foreach (var advice in loaded.Advice)
            {
                terminal.Line($"  advice: {advice}");
            }

            foreach (var entry in SystemMechanisms.Find(loaded.Options))
            {
                terminal.Line(entry.Protocols.IsEmpty
                    ? $"  not offered: {entry.Name}: {entry.Words}"
                    : $"  offered over {string.Join(" and ", entry.Protocols)}: {entry.Name}: {entry.Words}");
            }

            foreach (var (path, waits) in loaded.NotInForce)
            {
                terminal.Line($"  not in force: {path} (waits for: {waits})");
            }

            terminal.Line($"  defaults that are not in force yet: {string.Join(", ", loaded.DefaultsNotInForce)}");
            return ExitCode.Done;
        });
        return command;
    }
}
