using System.Globalization;
using MailCluster.Actors.Kernel;

namespace MailCluster.Simulation;

/// <summary>
/// What happened, in order: into a fingerprint always, kept as text when somebody wants to read it.
/// </summary>
internal sealed class Events(SeededScheduler scheduler, TextWriter? to)
{
    private const ulong Prime = 1099511628211;

    private ulong _hash = 14695981039346656037;

    public long Count { get; private set; }

    /// <summary>Of all events and of every choice of the scheduler.</summary>
    public ulong Trace => (_hash ^ scheduler.Trace) * Prime;

    /// <summary>The text is of the event alone, so that equal runs have equal ones.</summary>
    public void Add(FormattableString text)
    {
        var line = FormattableString.Invariant(text);
        Count++;
        _hash = (_hash ^ (ulong)scheduler.Time.Now.Ticks) * Prime;
        foreach (var letter in line)
        {
            _hash = (_hash ^ letter) * Prime;
        }

        to?.WriteLine($"{scheduler.Time.Now.TotalSeconds.ToString("000.000000", CultureInfo.InvariantCulture)} {line}");
    }
}
