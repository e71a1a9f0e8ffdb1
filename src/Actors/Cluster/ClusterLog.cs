using MailCluster.Shared.Cluster;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Cluster;

/// <summary>Of membership; event ids 3000 to 3099.</summary>
internal static partial class ClusterLog
{
    [LoggerMessage(
        3000, LogLevel.Information,
        "{Refusal} If that is this node's earlier run, its lease ends within {Wait}; joining is tried until then.")]
    public static partial void NameTaken(ILogger log, string refusal, TimeSpan wait);

    [LoggerMessage(3001, LogLevel.Information, "Joined as node {Node}, incarnation {Incarnation}.")]
    public static partial void Joined(ILogger log, int node, long incarnation);

    [LoggerMessage(3002, LogLevel.Information, "The node is up and takes shards.")]
    public static partial void Up(ILogger log);

    [LoggerMessage(
        3003, LogLevel.Warning,
        "The lease could not be renewed: {Problem} It is good for another {Left}; renewal is tried until it succeeds.")]
    public static partial void RenewalFailed(ILogger log, string problem, TimeSpan left);

    [LoggerMessage(
        3004, LogLevel.Error,
        "The lease has ended, as it could not be renewed in time: this node serves none of its {Shards} shards until "
            + "the database answers again.")]
    public static partial void Lapsed(ILogger log, int shards);

    [LoggerMessage(3005, LogLevel.Information, "The lease is good again: {Shards} shards are served on.")]
    public static partial void Regained(ILogger log, int shards);

    [LoggerMessage(
        3006, LogLevel.Error,
        "Another node has taken over from this one (incarnation {Incarnation}), because its lease had ended for too "
            + "long: it joins again as a new incarnation. Look for what kept it from the database or from running.")]
    public static partial void Lost(ILogger log, long incarnation);

    [LoggerMessage(
        3007, LogLevel.Error,
        "Joining again fails: {Problem} It is tried on; until then this node has no shards.")]
    public static partial void RejoinFailed(ILogger log, string problem);

    [LoggerMessage(
        3008, LogLevel.Warning, "The table of nodes and shards could not be read: {Problem} It is tried on.")]
    public static partial void ReadFailed(ILogger log, string problem);

    [LoggerMessage(
        3009, LogLevel.Error,
        "The database knows less of nodes and shards than this node had read: it was set back (restored, or another "
            + "server took over that had not got everything). What it says now is taken.")]
    public static partial void SetBack(ILogger log);

    [LoggerMessage(
        3010, LogLevel.Warning, "Node {Node}, incarnation {Incarnation}, is dead: its {Shards} shards are claimed.")]
    public static partial void Claimed(ILogger log, int node, long incarnation, int shards);

    [LoggerMessage(3011, LogLevel.Information, "Node {Node} is alive again or claimed by another.")]
    public static partial void ClaimRefused(ILogger log, int node);

    [LoggerMessage(
        3012, LogLevel.Warning,
        "Shards of node {Node} could not be claimed: {Problem} It is tried on, here and by other nodes.")]
    public static partial void ClaimFailed(ILogger log, int node, string problem);

    [LoggerMessage(3013, LogLevel.Information, "{Shards} shards without a home got one.")]
    public static partial void Assigned(ILogger log, int shards);

    [LoggerMessage(3014, LogLevel.Warning, "Shards without a home could not be given one: {Problem} It is tried on.")]
    public static partial void AssignFailed(ILogger log, string problem);

    [LoggerMessage(3015, LogLevel.Debug, "{Shards} shards handed over.")]
    public static partial void HandedOver(ILogger log, int shards);

    [LoggerMessage(
        3016, LogLevel.Warning,
        "{Shards} shards could not be handed over: {Problem} Nobody serves them until it is known whether they went; "
            + "it is tried on.")]
    public static partial void HandOverFailed(ILogger log, int shards, string problem);

    [LoggerMessage(
        3017, LogLevel.Warning,
        "{Shards} shards go with work still under way, which did not end within {Patience}: the store refuses it.")]
    public static partial void LeftUndone(ILogger log, int shards, TimeSpan patience);

    [LoggerMessage(3018, LogLevel.Information, "The node drains: {Shards} shards go to other nodes.")]
    public static partial void Draining(ILogger log, int shards);

    [LoggerMessage(3019, LogLevel.Information, "All shards have gone.")]
    public static partial void Drained(ILogger log);

    [LoggerMessage(
        3020, LogLevel.Warning,
        "{Shards} shards stay with this node although it ends, as no other node is up to take them: the next node that "
            + "starts does.")]
    public static partial void NobodyTakes(ILogger log, int shards);

    [LoggerMessage(3021, LogLevel.Warning, "This node's end could not be written down: {Problem} Its lease tells.")]
    public static partial void LeaveFailed(ILogger log, string problem);

    [LoggerMessage(3022, LogLevel.Error, "Membership met a fault of ours; it goes on")]
    public static partial void Fault(ILogger log, Exception failure);

    [LoggerMessage(3023, LogLevel.Information, "Another node or an administrator asks this node to drain.")]
    public static partial void DrainAsked(ILogger log);

    [LoggerMessage(3025, LogLevel.Warning, "State {State} could not be written down: {Problem} It is tried on.")]
    public static partial void StateFailed(ILogger log, NodeState state, string problem);

    [LoggerMessage(3026, LogLevel.Warning, "Joining fails: {Problem} It is tried on for a while.")]
    public static partial void JoinFailed(ILogger log, string problem);

    [LoggerMessage(3024, LogLevel.Debug, "{From} told of {Shards} shards that moved.")]
    public static partial void Told(ILogger log, NodePeer from, int shards);

    /// <summary>The lease is good again, or is not any more.</summary>
    public static void Good(ILogger log, bool isGood, int shards)
    {
        if (isGood)
        {
            Regained(log, shards);
        }
        else
        {
            Lapsed(log, shards);
        }
    }
}
