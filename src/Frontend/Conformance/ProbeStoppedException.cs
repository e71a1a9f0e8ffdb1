namespace MailCluster.Frontend.Conformance;

/// <summary>Ends a probe whose next step makes no sense any more, with what is to be said of its row.</summary>
internal sealed class ProbeStoppedException(Finding finding) : Exception(finding.Seen)
{
    public Finding Finding { get; } = finding;
}
