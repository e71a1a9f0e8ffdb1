namespace MailCluster.Simulation;

/// <summary>SplitMix64: the same draws in every process and version of the runtime.</summary>
internal sealed class Chance(ulong seed)
{
    private ulong _state = seed;

    /// <summary>0 to <paramref name="below"/> - 1.</summary>
    public int Below(int below) => (int)(Next() % (ulong)below);

    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>Once in so many times.</summary>
    public bool OneIn(int times) => Below(times) == 0;

    public TimeSpan Milliseconds(int least, int most) =>
        TimeSpan.FromTicks((least * TimeSpan.TicksPerMillisecond)
            + (long)(Next() % (ulong)(((most - least) * TimeSpan.TicksPerMillisecond) + 1)));

    public T Of<T>(IReadOnlyList<T> all) => all[Below(all.Count)];

    /// <summary>A generator of its own: what one part of the run draws does not shift what the others do.</summary>
    public Chance Split() => new(Next());

    private ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
