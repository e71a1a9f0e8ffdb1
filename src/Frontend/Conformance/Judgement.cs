namespace MailCluster.Frontend.Conformance;

internal sealed record Judgement(Row Row, Finding Finding)
{
    public string Verdict => Finding.Verdict switch
    {
        Conformance.Verdict.Pass => "pass",
        Conformance.Verdict.Partly => "partly",
        Conformance.Verdict.Fail => "fail",
        Conformance.Verdict.NotRun => "not run",
        _ => "not observable",
    };
}
