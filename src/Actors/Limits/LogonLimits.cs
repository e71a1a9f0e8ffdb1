using MailCluster.Actors.Cluster.Wire;
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
    private readonly LimitPeers? _peers;
    private readonly TimeSpan _deadline;
    private readonly LimitsMetrics _metrics;

    internal LogonLimits(
        ShardRegion<HomeKey, SourceMessage> homes, LimitPeers? peers, TimeSpan deadline, LimitsMetrics metrics) =>
        (_homes, _peers, _deadline, _metrics) = (homes, peers, deadline, metrics);

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
            Tell(HomeKey.Of(tried), source, isSuccess: false);
        }

        if (!isKnown)
        {
            Tell(HomeKey.Of(source), null, isSuccess: false);
        }
    }

    /// <summary>Never waits.</summary>
    public void Succeeded(LogonName name, SourceKey source) =>
        Tell(HomeKey.Of(name), source, isSuccess: true);

    private async ValueTask<LogonVerdict> AskAsync(HomeKey home, SourceKey? from)
    {
        try
        {
            var ask = new LogonAsk(_homes, home, from);
            return await (_peers is null || _peers.IsHere(home)
                ? ask.AskHere(_deadline)
                : _peers.Asks.RouteAsync<LogonAsk, LogonVerdict>(ask, _deadline));
        }
        catch (AskFailedException)
        {
            return LogonVerdict.Free;
        }
    }

    /// <summary>Lost when the home is on its way or out of reach: a count too low for once.</summary>
    private void Tell(HomeKey home, SourceKey? from, bool isSuccess)
    {
        if (_peers is null || _peers.IsHere(home))
        {
            _homes.Tell(
                home,
                isSuccess && from is { } source
                    ? new SourceMessage.LogonSucceeded(source)
                    : new SourceMessage.LogonFailed(from));
            return;
        }

        _peers.Tell(home, new Envelope
        {
            LogonEnded = new LogonEnded
            {
                Subject = home.ToWire(),
                Source = from is { } other ? HomeKey.Of(other).ToWire() : null,
                IsSuccess = isSuccess,
            },
        });
    }
}
