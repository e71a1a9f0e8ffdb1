using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Limits;

/// <summary>What every home of a node shares.</summary>
/// <param name="Held">By connections of this node.</param>
/// <param name="Known">By those of other nodes; null: there are none.</param>
/// <param name="Freed">Is told of every source that holds less than before.</param>
internal sealed record SourceSurroundings(
    HeldPermits Held,
    KnownPermits? Known,
    TarpitDebts Debts,
    LogonFailures Failures,
    Action<HomeKey> Freed,
    ILogger Log);
