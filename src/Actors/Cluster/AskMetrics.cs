using System.Diagnostics.Metrics;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;

namespace MailCluster.Actors.Cluster;

public sealed class AskMetrics
{
    private static readonly KeyValuePair<string, object?>[] Kinds = MakeKinds();
    private static readonly KeyValuePair<string, object?> Answered = new("result", "answered");
    private static readonly KeyValuePair<string, object?> Elsewhere = new("result", "not_here");
    private static readonly KeyValuePair<string, object?> Interrupted = new("result", "interrupted");
    private static readonly KeyValuePair<string, object?> Late = new("result", "deadline_passed");
    private static readonly KeyValuePair<string, object?> Full = new("result", "full");
    private static readonly KeyValuePair<string, object?> Failed = new("result", "failed");

    private readonly Histogram<double> _remote;
    private readonly Counter<long> _local;
    private readonly Counter<long> _handled;
    private readonly Counter<long> _waits;
    private readonly Counter<long> _wrong;
    private readonly Counter<long> _unanswered;

    public AskMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _remote = meter.CreateHistogram<double>(
            "mailcluster.cluster.asks.remote", "s", "Asks of other nodes, by kind and result.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries =
                    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
            });
        _local = meter.CreateCounter<long>(
            "mailcluster.cluster.asks.local", "{ask}", "Asks that found their home on this node; not of a lone node.");
        _handled = meter.CreateCounter<long>(
            "mailcluster.cluster.asks.handled", "{ask}", "Asks and tells of other nodes, by kind.");
        _waits = meter.CreateCounter<long>(
            "mailcluster.cluster.asks.waits", "{wait}",
            "Times an ask waited because its shard moved or its home was out of reach.");
        _wrong = meter.CreateCounter<long>(
            "mailcluster.cluster.asks.wrong_home", "{ask}", "Asks of other nodes whose home is not here (any more).");
        _unanswered = meter.CreateCounter<long>(
            "mailcluster.cluster.asks.answers_lost", "{answer}",
            "Answers that could not be sent: the link was gone or its queue full.");
    }

    internal void Local() => _local.Add(1);

    internal void Remote(Envelope.BodyOneofCase kind, TimeSpan duration, AskFailure? why) =>
        _remote.Record(duration.TotalSeconds, Kinds[(int)kind], why switch
        {
            null => Answered,
            AskFailure.NotHere => Elsewhere,
            AskFailure.Interrupted => Interrupted,
            AskFailure.DeadlinePassed => Late,
            AskFailure.MailboxFull => Full,
            _ => Failed,
        });

    internal void Handled(Envelope.BodyOneofCase kind) => _handled.Add(1, Kinds[(int)kind]);

    internal void Waited() => _waits.Add(1);

    internal void WrongHome() => _wrong.Add(1);

    internal void AnswerLost() => _unanswered.Add(1);

    private static KeyValuePair<string, object?>[] MakeKinds()
    {
        var fields = Envelope.Descriptor.Oneofs[0].Fields;
        var kinds = new KeyValuePair<string, object?>[fields.Max(field => field.FieldNumber) + 1];
        Array.Fill(kinds, new("kind", "unknown"));
        foreach (var field in fields)
        {
            kinds[field.FieldNumber] = new("kind", field.Name);
        }

        return kinds;
    }
}
