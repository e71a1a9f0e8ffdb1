namespace MailCluster.Storage;

/// <summary>The store cannot be opened. The message is for the administrator: what is wrong, where, and what to
/// do.</summary>
public class StoreOpenException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Another process holds the data directory.</summary>
/// <param name="ownerPid">As the lock file says it; null when it says nothing readable.</param>
public sealed class DataDirectoryInUseException(string message, int? ownerPid) : StoreOpenException(message)
{
    public int? OwnerPid { get; } = ownerPid;
}
