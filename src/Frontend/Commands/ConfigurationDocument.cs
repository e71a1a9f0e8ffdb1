using System.Text;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Commands;

/// <summary>docs/configuration.md from the definitions that the loader reads with.</summary>
internal static class ConfigurationDocument
{
    private const string Introduction = """
        # Configuration

        <!-- Made by `mailcluster docs configuration`; a test compares the two. -->

        `mailcluster serve --config FILE` reads a JSON file; comments and trailing commas may stand in it. Every key
        can also be set by the environment, which wins over the file:
        `MailCluster__Smtp__Bindings__0__MaxHopCount=20`. Without a file the defaults hold: a lone node on
        unprivileged loopback ports. `mailcluster check-config --config FILE` reads a file as `serve` would and starts
        nothing.

        - An unknown key, a value out of range or two bindings on one address and port is an error at start. All
          errors are given at once, each with the key, the value and what is allowed; the program ends with code 78.
        - A list that is given replaces the default list.
        - `null` in the file, `unlimited` in the file or the environment, means no limit, where the table says so.
        - Durations are `"hh:mm:ss"` or `"d.hh:mm:ss"`, sizes are octets, endpoints are `address:port`, several
          separated by commas. Port 0 lets the system choose; `--ready-file` says what it chose.
        - Relative paths start at the working directory.
        - A key marked "not yet" is accepted so that a file written today stays valid; it does nothing, opens no port,
          and is named by `check-config` and in one warning at start when it is set.

        """;

    public static string Write()
    {
        var output = new StringBuilder(Introduction.ReplaceLineEndings("\n"));
        string? section = null;
        foreach (var definition in ConfigurationLoader.Describe())
        {
            var name = definition.Key.Split('.')[0];
            if (name != section)
            {
                section = name;
                output.Append(
                    $"\n## {name}\n\n{definition.Why}\n\n| Key | Allowed | Default | What and why | In force |\n|---|---|---|---|---|\n");
                continue;
            }

            output.Append(
                $"| `{definition.Key}` | {Cell(definition.Allowed)} | {Cell(definition.Default)} | {Cell(definition.Why)} | {Force(definition)} |\n");
        }

        return output.ToString();
    }

    private static string Force(OptionDefinition definition) =>
        NotInForce.Find(definition.Key, StoreKind.PostgreSql) is { } unbuilt ? $"not yet: {unbuilt.Waits}"
        : NotInForce.Find(definition.Key, StoreKind.Sqlite) is { } cluster ? $"with {cluster.Waits}"
        : "yes";

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
