using System.Diagnostics.Metrics;
using MailCluster.Actors.Kernel;

namespace MailCluster.Actors;

/// <summary>Of the actor kernel.</summary>
internal sealed class ActorsMetrics : IDisposable
{
    private readonly Meter? _own;
    private readonly UpDownCounter<int> _alive;
    private readonly Counter<long> _passivations;
    private readonly Counter<long> _restarts;
    private readonly Counter<long> _undelivered;

    public ActorsMetrics(IMeterFactory? meters)
    {
        _own = meters is null ? new Meter("MailCluster") : null;
        var meter = _own ?? meters!.Create("MailCluster");
        _alive = meter.CreateUpDownCounter<int>("mailcluster.actors.alive", "{actor}", "Actors alive.");
        _passivations = meter.CreateCounter<long>(
            "mailcluster.actors.passivations", "{actor}", "Actors that ended because they were idle or made room.");
        _restarts = meter.CreateCounter<long>(
            "mailcluster.actors.restarts", "{restart}", "Restarts of actors after a failure.");
        _undelivered = meter.CreateCounter<long>(
            "mailcluster.actors.dead_letters", "{message}", "Messages that no turn completed, by the reason.");
    }

    public void Alive(int change) => _alive.Add(change);

    public void Passivated() => _passivations.Add(1);

    public void Restarted() => _restarts.Add(1);

    public void Undelivered(AskFailure why) =>
        _undelivered.Add(1, new KeyValuePair<string, object?>("why", NameOf(why)));

    public void Dispose() => _own?.Dispose();

    private static string NameOf(AskFailure why) => why switch
    {
        AskFailure.MailboxFull => "mailbox_full",
        AskFailure.DeadlinePassed => "deadline_passed",
        AskFailure.Stopped => "stopped",
        AskFailure.NotHere => "not_here",
        AskFailure.Interrupted => "interrupted",
        _ => "failed",
    };
}
