namespace MailCluster.Frontend.Conformance;

/// <summary>What a row asks for, one after the other; what does not hold is what is told.</summary>
internal sealed class Checks
{
    private readonly List<string> _seen = [];
    private readonly List<string> _broken = [];
    private readonly List<string> _weak = [];
    private readonly List<string> _untried = [];

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
    public void Untried(string whatToGive) => _untried.Add($"not tried: {whatToGive}");

    public Finding Finding() =>
        _broken.Count > 0 ? Conformance.Finding.Fail(Joined(_broken, _weak, _untried))
        : _weak.Count + _untried.Count > 0 ? Conformance.Finding.Partly(Joined(_seen, _weak, _untried))
        : Conformance.Finding.Pass(Joined(_seen));

    private static string Joined(params IEnumerable<string>[] parts) =>
        string.Join("; ", parts.SelectMany(part => part));
}
