using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Tests.Accounts;

/// <summary>
/// Counts what mailcluster.accounts.derivation.duration records: the passwords that were really derived.
/// </summary>
internal sealed class DerivationCount : IMeterFactory
{
    private readonly MeterListener _listener = new();
    private Meter? _meter;
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public Meter Create(MeterOptions options)
    {
        _meter = new Meter(options);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, _meter)
                && instrument.Name == "mailcluster.accounts.derivation.duration")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, _, _, _) => Interlocked.Increment(ref _count));
        _listener.Start();
        return _meter;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _meter?.Dispose();
    }
}
