namespace MailCluster.Frontend.Conformance;

/// <summary>Nothing accepts connections where a server was said to be.</summary>
internal sealed class UnreachableTargetException(Place place, string reason)
    : Exception($"No connection to {place}: {reason}");
