namespace MailCluster.Frontend.Conformance;

/// <summary>What a probe saw of its row, in words for a table's cell, and what follows from it.</summary>
internal sealed record Finding(string Seen, Verdict Verdict)
{
    private const int SeenMax = 600;

    /// <summary>In printable characters and not without end: a server's words must not break a table.</summary>
    public string Seen { get; } = string.Concat(Seen.Take(SeenMax).Select(
        octet => octet == '\t' ? "\\t" : octet is >= ' ' and <= '~' ? octet.ToString() : "?"));

    public static Finding Pass(string seen) => new(seen, Verdict.Pass);

    public static Finding Partly(string seen) => new(seen, Verdict.Partly);

    public static Finding Fail(string seen) => new(seen, Verdict.Fail);

    public static Finding NotRun(string whatToGive) => new($"not run ({whatToGive})", Verdict.NotRun);

    public static Finding NotObservable(string reason) => new(reason, Verdict.NotObservable);
}
