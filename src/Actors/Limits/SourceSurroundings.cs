using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Limits;

/// <summary>What every home of a node shares.</summary>
internal sealed record SourceSurroundings(
    HeldPermits Held,
    TarpitDebts Debts,
    LogonFailures Failures,
    Refusals Refusals,
    SourceLimitOptions Options,
    ILogger Log);
