using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Limits;

public sealed class LimitsMetrics
{
    private static readonly KeyValuePair<string, object?> Admissions = new("kind", "admission");
    private static readonly KeyValuePair<string, object?> Messages = new("kind", "message");

    private static readonly KeyValuePair<string, object?> Sent = new("direction", "sent");
    private static readonly KeyValuePair<string, object?> Received = new("direction", "received");
    private static readonly KeyValuePair<string, object?> Whole = new("result", "whole");
    private static readonly KeyValuePair<string, object?> Partial = new("result", "partial");

    private readonly Meter _meter;
    private readonly Counter<long> _asks;
    private readonly Counter<long> _cached;
    private readonly Counter<long> _logons;
    private readonly Histogram<double> _duration;
    private readonly Histogram<double> _gathering;
    private readonly Counter<long> _reports;
    private readonly Counter<long> _unasked;

    public LimitsMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("MailCluster");
        _asks = _meter.CreateCounter<long>(
            "mailcluster.limits.asks", "{ask}",
            "Asks to the homes of sources, users and bindings, by kind (a connection, a message) and verdict.");
        _cached = _meter.CreateCounter<long>(
            "mailcluster.limits.cached_refusals", "{connection}",
            "Connections refused without an ask, as their source was refused within the last second.");
        _logons = _meter.CreateCounter<long>(
            "mailcluster.limits.logons", "{logon}",
            "Attempts to log in, by what earlier failures of their source and name made of them (free, held, refused).");
        _unasked = _meter.CreateCounter<long>(
            "mailcluster.limits.admitted_unasked", "{connection}",
            "Connections let in because the home of their source could not be asked (WhenLimitHomeUnreachable).");
        _reports = _meter.CreateCounter<long>(
            "mailcluster.limits.reports", "{frame}",
            "Frames in which nodes tell homes of the permits they hold, by direction (sent, received).");
        _gathering = _meter.CreateHistogram<double>(
            "mailcluster.limits.gathering.duration", "s",
            "From a shard's arrival to its first answer, by whether all nodes were heard (whole, partial).",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
            });
        _duration = _meter.CreateHistogram<double>(
            "mailcluster.limits.admission.duration", "s", "From a connection's ask to its verdict.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries =
                [
                    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                    0.25, 0.5, 1,
                ],
            });
    }

    public void Admitted(Admission verdict, TimeSpan duration)
    {
        _asks.Add(1, Admissions, new("verdict", verdict switch
        {
            Admission.Admitted => "admitted",
            Admission.AdmittedOwing => "admitted_owing",
            Admission.TooMany => "too_many",
            _ => "unreachable",
        }));
        _duration.Record(duration.TotalSeconds);
    }

    public void Counted(RateVerdict verdict) => _asks.Add(1, Messages, new("verdict", verdict switch
    {
        RateVerdict.Taken => "taken",
        RateVerdict.Exceeded => "exceeded",
        _ => "unreachable",
    }));

    public void RefusedFromCache() => _cached.Add(1);

    public void AdmittedUnasked() => _unasked.Add(1);

    internal void ReportSent() => _reports.Add(1, Sent);

    internal void ReportReceived() => _reports.Add(1, Received);

    internal void Gathered(TimeSpan duration, bool isWhole) =>
        _gathering.Record(duration.TotalSeconds, isWhole ? Whole : Partial);

    public void Judged(LogonVerdict verdict)
    {
        var name = verdict switch
        {
            { IsRefused: true } => "refused",
            { Delay.Ticks: > 0 } => "held",
            _ => "free",
        };
        _logons.Add(1, new KeyValuePair<string, object?>("verdict", name));
    }

    public void Observe(Func<int> homes, Func<int> permits, Func<int> debts, Func<int> failing)
    {
        _meter.CreateObservableGauge(
            "mailcluster.limits.homes", homes, "{home}", "Sources, users and bindings that something is known about.");
        _meter.CreateObservableGauge(
            "mailcluster.limits.permits", permits, "{permit}", "Permits that connections of this node hold.");
        _meter.CreateObservableGauge(
            "mailcluster.limits.debts", debts, "{source}", "Sources whose next connection waits (OXSMTP-EV-19).");
        _meter.CreateObservableGauge(
            "mailcluster.limits.failing", failing, "{name}",
            "Sources and names with failed logins that are remembered.");
    }

    /// <summary>Of a node in a cluster.</summary>
    public void Observe(Func<int> known, Func<int> silent)
    {
        _meter.CreateObservableGauge(
            "mailcluster.limits.permits.known", known, "{permit}",
            "Permits of other nodes' connections whose homes are here.");
        _meter.CreateObservableGauge(
            "mailcluster.limits.permits.silent", silent, "{permit}",
            "Those of nodes that have not yet told this home themselves.");
    }
}
