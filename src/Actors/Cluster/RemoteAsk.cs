using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Cluster;

/// <summary>
/// What another node asks or tells, with the way back. Its handler is called on the link's thread and returns soon;
/// the answer may come later.
/// </summary>
public readonly struct RemoteAsk
{
    private readonly ShardAsks _asks;

    internal RemoteAsk(ShardAsks asks, NodePeer from, Envelope envelope)
    {
        _asks = asks;
        From = from;
        Envelope = envelope;
    }

    public NodePeer From { get; }

    public Envelope Envelope { get; }

    /// <summary>For so long the asker waits.</summary>
    public TimeSpan Patience => TimeSpan.FromMilliseconds(Envelope.PatienceMilliseconds);

    /// <summary>False: it cannot be sent now; the asker's deadline ends its wait. Of a tell: there is nobody.</summary>
    public bool Answer(Envelope answer)
    {
        if (Envelope.Ask == 0)
        {
            return false;
        }

        answer.Ask = Envelope.Ask;
        answer.IsAnswer = true;
        return _asks.Tell(From, answer);
    }

    public void Fail(AskFailure why) => Answer(why == AskFailure.NotHere
        ? ShardAsks.NotHere(_asks.Homes, Envelope)
        : new Envelope { Failure = new Failure { Reason = ShardAsks.ReasonOf(why) } });
}
