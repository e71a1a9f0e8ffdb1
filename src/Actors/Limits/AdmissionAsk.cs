using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>One connection's ask for a permit; asked twice it is granted once.</summary>
internal readonly struct AdmissionAsk(
    ShardRegion<HomeKey, SourceMessage> homes, HeldPermits held, LimitPeers? peers, HomeKey home, string binding,
    Permit permit, int limit) : IShardAsk<Admission>
{
    public HomeKey Home => home;

    public string Binding => binding;

    public Permit Permit => permit;

    public int Limit => limit;

    public ShardId Shard => home.Shard;

    public bool IsRepeatable => true;

    public ValueTask<Admission> AskHere(TimeSpan patience) => homes.Ask<Admission, AdmissionAsk>(
        home, static (reply, ask) => new SourceMessage.Admit(ask.Binding, ask.Permit, ask.Limit, reply), this,
        patience);

    /// <summary>
    /// From before the question until its answer it is reported as asked for: a home that is new meanwhile counts it,
    /// as the old one may have granted it.
    /// </summary>
    public async ValueTask<Admission> AskThere(ShardAsks asks, NodePeer at, TimeSpan patience)
    {
        var question = new Envelope
        {
            Shard = ShardAsks.NumberOf(Shard),
            AdmitConnection = new AdmitConnection
            {
                Subject = home.ToWire(),
                Binding = binding,
                Connection = permit.Connection,
                Limit = limit,
            },
        };
        held.Ask(home, binding, permit.Connection, at);
        Admission verdict;
        try
        {
            verdict = LimitsWire.AdmissionOf(await asks.AskAsync(at, question, patience));
        }
        catch (AskFailedException failure) when (failure.Why == AskFailure.NotHere)
        {
            held.Remove(home, permit.Connection);
            throw;
        }

        if (verdict is Admission.Admitted or Admission.AdmittedOwing)
        {
            if (held.TryConfirm(home, binding, permit.Connection, limit))
            {
                return verdict;
            }

            peers!.GiveBack(home, permit.Connection);
            return Admission.TooMany;
        }

        var now = asks.Homes.Find(Shard);
        if (now.Kind == HomeKind.There && now.Peer == at)
        {
            held.Remove(home, permit.Connection);
        }
        else
        {
            // The new home may have been told of the question.
            peers!.GiveBack(home, permit.Connection);
        }

        return verdict;
    }
}
