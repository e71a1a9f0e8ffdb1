using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Mailboxes;

/// <summary>Maildrops opened on one node that have their home on another.</summary>
public sealed class MaildropMetrics
{
    private static readonly KeyValuePair<string, object?> HeldStill = new("result", "held");
    private static readonly KeyValuePair<string, object?> InAnswer = new("result", "whole");
    private static readonly KeyValuePair<string, object?> InParts = new("result", "stream");

    private readonly Meter _meter;
    private readonly Counter<long> _opened;
    private readonly Counter<long> _messages;
    private readonly Counter<long> _octets;
    private readonly Counter<long> _givenUp;

    public MaildropMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("MailCluster");
        _opened = _meter.CreateCounter<long>(
            "mailcluster.maildrop.remote.opened", "{snapshot}",
            "Snapshots got from other nodes, by result: sessions held it still, it came whole, or as a stream.");
        _messages = _meter.CreateCounter<long>(
            "mailcluster.maildrop.streams.messages", "{message}", "Messages listed in streams that were received.");
        _octets = _meter.CreateCounter<long>(
            "mailcluster.maildrop.streams.sent", "By", "Octets of streams sent to other nodes.");
        _givenUp = _meter.CreateCounter<long>(
            "mailcluster.maildrop.streams.given_up", "{stream}", "Streams that nobody read to their end.");
    }

    internal void Observe(Func<int> streams) => _meter.CreateObservableGauge(
        "mailcluster.maildrop.streams", streams, "{stream}", "Snapshots on their way to other nodes.");

    internal void Same() => _opened.Add(1, HeldStill);

    internal void Whole() => _opened.Add(1, InAnswer);

    internal void Received(long messages)
    {
        _opened.Add(1, InParts);
        _messages.Add(messages);
    }

    internal void Sent(int octets) => _octets.Add(octets);

    internal void GivenUp() => _givenUp.Add(1);
}
