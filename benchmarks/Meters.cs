using System.Diagnostics.Metrics;

namespace MailCluster.Benchmarks;

/// <summary>Hands out meters that nobody listens to.</summary>
internal sealed class Meters : IMeterFactory
{
    public Meter Create(MeterOptions options) => new(options);

    public void Dispose()
    {
    }
}
