using System.Collections.Immutable;

namespace MailCluster.Shared.Limits;

/// <summary>Memory that is bounded: that of a container, of one around it, or of the machine. Octets.</summary>
public readonly record struct MemoryUse(long Used, long Limit);

/// <summary>Octets. Null: could not be read, and what is not known holds up no mail.</summary>
/// <param name="FreeDisk">What the file system of the data directory has left for us.</param>
/// <param name="ReusableDisk">What the store will fill again before it asks the file system for more.</param>
/// <param name="ProcessMemory">Resident set.</param>
/// <param name="Memories">Every bound above the process; empty when there is none or none could be read.</param>
public sealed record ResourceReading(
    long? FreeDisk, long ReusableDisk, long? ProcessMemory, ImmutableArray<MemoryUse> Memories);

/// <param name="MinFreeDisk">Octets; 0: disk is never short.</param>
/// <param name="MaxProcessMemory">Octets; null: 85 % of the least bound.</param>
public sealed record ResourceThresholds(long MinFreeDisk, long? MaxProcessMemory)
{
    /// <summary>What is left covers the process's own peaks between two looks.</summary>
    private const int ProcessPercent = 85;

    /// <summary>
    /// Of all that a container or a machine holds, of others as well: Exchange's own figure for it ("high" of all
    /// processes). Above 85, because what others use for good must not keep mail out for good.
    /// </summary>
    private const int WholePercent = 94;

    /// <summary>
    /// Pages that the store uses again count as free, up to half of what is wanted: its log and its temporary files can
    /// live in the file system only.
    /// </summary>
    public long? FreeDisk(ResourceReading reading) =>
        reading.FreeDisk + Math.Min(reading.ReusableDisk, MinFreeDisk / 2);

    /// <summary>Null when nothing bounds the process.</summary>
    public long? ProcessMemory(ResourceReading reading) => MaxProcessMemory
        ?? (reading.Memories.IsEmpty ? null : Share(reading.Memories.Min(memory => memory.Limit), ProcessPercent));

    public static long WholeMemory(MemoryUse memory) => Share(memory.Limit, WholePercent);

    internal static long Share(long octets, int percent) => octets / 100 * percent;
}

/// <summary>
/// What is short (OXSMTP-EV-12), from the level before and a new reading. Short at the threshold, well again only some
/// way beyond it, so that a node at its limit does not say yes and no by turns.
/// </summary>
public readonly record struct ResourceLevel(bool IsDiskShort, bool IsProcessShort, bool IsMemoryShort)
{
    /// <summary>Disk is well again at 110 % of what is wanted, memory at 95 % of what is allowed.</summary>
    private const int MarginOfDisk = 10;

    private const int WellOfMemory = 95;

    public bool IsShort => IsDiskShort || IsProcessShort || IsMemoryShort;

    public ResourceLevel Next(ResourceReading reading, ResourceThresholds thresholds) => new(
        IsDiskLow(IsDiskShort, thresholds.FreeDisk(reading), thresholds.MinFreeDisk),
        IsHigh(IsProcessShort, reading.ProcessMemory, thresholds.ProcessMemory(reading)),
        IsAnyHigh(IsMemoryShort, reading.Memories));

    private static bool IsDiskLow(bool wasLow, long? free, long wanted) =>
        free < wanted || (wasLow && free - wanted < wanted / MarginOfDisk);

    private static bool IsHigh(bool wasHigh, long? used, long? allowed) =>
        used > (wasHigh && allowed is { } octets ? ResourceThresholds.Share(octets, WellOfMemory) : allowed);

    private static bool IsAnyHigh(bool wasHigh, ImmutableArray<MemoryUse> memories)
    {
        foreach (var memory in memories)
        {
            if (IsHigh(wasHigh, memory.Used, ResourceThresholds.WholeMemory(memory)))
            {
                return true;
            }
        }

        return false;
    }
}
