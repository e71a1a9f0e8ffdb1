namespace MailCluster.Frontend.Conformance;

/// <summary>What a row asks for, one after the other; what does not hold is what is told.</summary>
internal sealed class Checks
{
    private readonly List<string> _seen = [];
    private readonly List<string> _broken = [];
    private readonly List<string> _weak = [];

    /// <param name="saw">What was done and what came back.</param>
    public bool Must(bool holds, string saw)
    {
        (holds ? _seen : _broken).Add(saw);
        return holds;
    }

    public bool Should(bool holds, string saw)
    {
        (holds ? _seen : _weak).Add(saw);
        return holds;
    }

    /// <summary>A part that was not tried, which keeps the row from a full pass.</summary>
    public void Untried(string whatToGive) => _weak.Add($"not tried: {whatToGive}");

    public Finding Finding() =>
        _broken.Count > 0 ? Conformance.Finding.Fail(string.Join("; ", _broken.Concat(_weak)))
        : _weak.Count > 0 && _seen.Count == 0 && _weak.All(text => text.StartsWith("not tried", StringComparison.Ordinal))
            ? Conformance.Finding.NotRun(string.Join("; ", _weak))
        : _weak.Count > 0 ? Conformance.Finding.Partly(string.Join("; ", _seen.Concat(_weak)))
        : Conformance.Finding.Pass(string.Join("; ", _seen));
}
