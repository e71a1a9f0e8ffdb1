using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace MailCluster.Frontend.Commands;

/// <summary>Where a command reads and writes: tables and colour for people, tab-separated lines for scripts.</summary>
internal sealed class Terminal
{
    private readonly TextReader _input;

    /// <param name="isInteractive">Both ends are a terminal.</param>
    public Terminal(TextReader input, TextWriter output, TextWriter error, bool isInteractive)
    {
        _input = input;
        Output = output;
        Error = error;
        IsInteractive = isInteractive;
    }

    public TextWriter Output { get; }

    public TextWriter Error { get; }

    public bool IsInteractive { get; }

    /// <summary>Made when it is first asked for: a node that serves has no need of it.</summary>
    public IAnsiConsole Ansi =>
        field ??= AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Output) });

    public static Terminal OfProcess() => new(
        Console.In, Console.Out, Console.Error, !Console.IsOutputRedirected && !Console.IsInputRedirected);

    public void Line(string text) => Output.WriteLine(text);

    /// <summary>A table on a terminal; otherwise one line per row, tabs between, no heading.</summary>
    public void Table(IReadOnlyList<string> columns, IReadOnlyList<string[]> rows, string whenEmpty)
    {
        if (!IsInteractive)
        {
            foreach (var row in rows)
            {
                Output.WriteLine(string.Join('\t', row));
            }

            return;
        }

        if (rows.Count == 0)
        {
            Output.WriteLine(whenEmpty);
            return;
        }

        Draw(columns, rows);
    }

    public void Json<T>(T value, JsonTypeInfo<T> type) => Output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Asks without showing what is typed; null where nobody can be asked.</summary>
    public string? Secret(string prompt) =>
        IsInteractive ? Ansi.Prompt(new TextPrompt<string>(prompt) { AllowEmpty = true }.Secret()) : null;

    public string? ReadLine() => _input.ReadLine();

    private void Draw(IReadOnlyList<string> columns, IReadOnlyList<string[]> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column, new Style(decoration: Decoration.Bold))));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        Ansi.Write(table);
    }
}
