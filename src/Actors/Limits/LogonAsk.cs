using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>What stands before an attempt to log in.</summary>
/// <param name="from">To the home of a name: the source; null to the home of that source.</param>
internal readonly struct LogonAsk(ShardRegion<HomeKey, SourceMessage> homes, HomeKey home, SourceKey? from)
    : IShardAsk<LogonVerdict>
{
    public ShardId Shard => home.Shard;

    public bool IsRepeatable => true;

    public ValueTask<LogonVerdict> AskHere(TimeSpan patience) => homes.Ask<LogonVerdict, SourceKey?>(
        home, static (reply, from) => new SourceMessage.JudgeLogon(from, reply), from, patience);

    public async ValueTask<LogonVerdict> AskThere(ShardAsks asks, NodePeer at, TimeSpan patience)
    {
        var question = new Envelope
        {
            Shard = ShardAsks.NumberOf(Shard),
            JudgeLogon = new JudgeLogon
            {
                Subject = home.ToWire(),
                Source = from is { } source ? HomeKey.Of(source).ToWire() : null,
            },
        };
        return LimitsWire.LogonOf(await asks.AskAsync(at, question, patience));
    }
}
