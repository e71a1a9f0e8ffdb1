using MailCluster.Actors.Kernel;
using MailCluster.Shared;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Failed logins over all connections, protocols and nodes, counted at the home of the source and at the home of the
/// name (decision 10).
/// </summary>
public sealed class LogonLimits
{
    private readonly ShardRegion<HomeKey, SourceMessage> _homes;
    private readonly SourceLimitOptions _options;
    private readonly LimitsMetrics _metrics;

    internal LogonLimits(
        ShardRegion<HomeKey, SourceMessage> homes, SourceLimitOptions options, LimitsMetrics metrics) =>
        (_homes, _options, _metrics) = (homes, options, metrics);

    /// <summary>Before a password is checked. A home that does not answer in time holds nobody up.</summary>
    /// <param name="name">Null: the mechanism has not told it yet, and the source alone counts.</param>
    public async ValueTask<LogonVerdict> JudgeAsync(LogonName? name, SourceKey source)
    {
        var verdict = name is { } known ? await AskAsync(HomeKey.Of(known), source) : LogonVerdict.Free;
        if (!verdict.IsKnown)
        {
            verdict = verdict.Or(await AskAsync(HomeKey.Of(source), null));
        }

        _metrics.Judged(verdict);
        return verdict;
    }

    /// <summary>Wrong credentials. Never waits.</summary>
    /// <param name="isKnown">As the verdict on the attempt had it.</param>
    public void Failed(LogonName? name, SourceKey source, bool isKnown)
    {
        if (name is { } tried)
        {
            _homes.Tell(HomeKey.Of(tried), new SourceMessage.LogonFailed(source));
        }

        if (!isKnown)
        {
            _homes.Tell(HomeKey.Of(source), new SourceMessage.LogonFailed(null));
        }
    }

    /// <summary>Never waits.</summary>
    public void Succeeded(LogonName name, SourceKey source) =>
        _homes.Tell(HomeKey.Of(name), new SourceMessage.LogonSucceeded(source));

    private async ValueTask<LogonVerdict> AskAsync(HomeKey home, SourceKey? from)
    {
        try
        {
            return await _homes.Ask<LogonVerdict, SourceKey?>(
                home, static (reply, from) => new SourceMessage.JudgeLogon(from, reply), from, _options.AskDeadline);
        }
        catch (AskFailedException)
        {
            return LogonVerdict.Free;
        }
    }
}
