using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>One message's ask for its place in a window; asked twice it would count twice.</summary>
internal readonly struct RateAsk(
    ShardRegion<HomeKey, SourceMessage> homes, HomeKey home, string binding, int perMinute) : IShardAsk<RateVerdict>
{
    public HomeKey Home => home;

    public ShardId Shard => home.Shard;

    public bool IsRepeatable => false;

    public ValueTask<RateVerdict> AskHere(TimeSpan patience) => homes.Ask<RateVerdict, (string Binding, int PerMinute)>(
        home, static (reply, ask) => new SourceMessage.Take(ask.Binding, ask.PerMinute, reply), (binding, perMinute),
        patience);

    public async ValueTask<RateVerdict> AskThere(ShardAsks asks, NodePeer at, TimeSpan patience)
    {
        var question = new Envelope
        {
            Shard = ShardAsks.NumberOf(Shard),
            TakeMessage = new TakeMessage { Subject = home.ToWire(), Binding = binding, PerMinute = perMinute },
        };
        return LimitsWire.RateOf(await asks.AskAsync(at, question, patience));
    }
}
