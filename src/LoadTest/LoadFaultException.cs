namespace MailCluster.LoadTest;

/// <summary>A run that cannot begin or go on: the text names the cause and what to change.</summary>
/// <param name="faults">Each on a line of its own.</param>
public sealed class LoadFaultException(params string[] faults)
    : Exception(string.Join(Environment.NewLine, faults));
