namespace MailCluster.Frontend.Conformance;

internal enum Verdict
{
    Pass,

    /// <summary>What must be is there, something that should be is not; or only a part could be tried.</summary>
    Partly,
    Fail,

    /// <summary>It was left out; what was seen says what to give so that it is played.</summary>
    NotRun,

    /// <summary>No client can see it.</summary>
    NotObservable,
}
