namespace MailCluster.Frontend.Conformance;

/// <summary>How one row is seen from outside.</summary>
/// <param name="IsSlow">It mostly waits, so it is played beside the others of its kind, after all the rest.</param>
internal sealed record Probe(string Id, Func<Visit, Task<Finding>> Play, bool IsSlow = false);
