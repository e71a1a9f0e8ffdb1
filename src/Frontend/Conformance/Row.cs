namespace MailCluster.Frontend.Conformance;

/// <summary>A requirement: the rows of the requirement document, all of them, in its order.</summary>
/// <param name="Expected">In short; an option named in it is the limit that is judged by.</param>
/// <param name="Reason">Why no client can see it; empty where there is a probe.</param>
internal sealed record Row(string Id, string Clause, string Expected, string Reason)
{
    private const string Resource = "MailCluster.Frontend.Conformance.rows.txt";

    public static IReadOnlyList<Row> All => field ??= [.. Read()];

    private static IEnumerable<Row> Read()
    {
        using var stream = typeof(Row).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"{Resource} is not in the program.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (!line.StartsWith('#'))
            {
                var cells = line.Split('|', StringSplitOptions.TrimEntries);
                yield return new Row(cells[0], cells[1], cells[2], cells[3]);
            }
        }
    }
}
