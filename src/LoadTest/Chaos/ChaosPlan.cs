using System.Collections.Immutable;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Chaos;

public enum ChaosKind
{
    /// <summary>SIGKILL, then the restart command.</summary>
    Kill,

    /// <summary>SIGSTOP, then SIGCONT.</summary>
    Pause,

    /// <summary>A node that the others do not reach.</summary>
    Partition,
}

/// <param name="At">Since the run's beginning.</param>
/// <param name="For">Of a pause or partition.</param>
public readonly record struct ChaosEvent(ChaosKind Kind, TimeSpan At, TimeSpan For);

/// <summary>"kill=20s,pause=30s/5s": what happens to the nodes, and when.</summary>
public sealed record ChaosPlan(ImmutableArray<ChaosEvent> Events)
{
    private static readonly TimeSpan PauseOtherwise = TimeSpan.FromSeconds(5);

    public static ChaosPlan Parse(string text)
    {
        var events = ImmutableArray.CreateBuilder<ChaosEvent>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var words = part.Split('=');
            var times = words.Length == 2 ? words[1].Split('/') : [];
            var length = PauseOtherwise;
            if (words.Length != 2 || !Enum.TryParse<ChaosKind>(words[0], ignoreCase: true, out var kind)
                || int.TryParse(words[0], out _) || times.Length is < 1 or > 2
                || !DurationText.TryParse(times[0], out var at)
                || (times.Length == 2 && !DurationText.TryParse(times[1], out length)))
            {
                throw new LoadFaultException(
                    $"--chaos: \"{part}\" is none of kill=20s, pause=30s or pause=30s/5s (at 30 s for 5 s).");
            }

            events.Add(new ChaosEvent(kind, at, length));
        }

        return new ChaosPlan([.. events.OrderBy(one => one.At)]);
    }

    /// <param name="readyFiles">Of the nodes that may be hurt.</param>
    /// <param name="duration">Of the run.</param>
    /// <param name="canPartition">Something was given that cuts nodes off from each other.</param>
    public void Check(IReadOnlyCollection<string> readyFiles, TimeSpan duration, bool canPartition)
    {
        var faults = new List<string>();
        if (!Events.IsEmpty && readyFiles.Count == 0)
        {
            faults.Add(
                "--chaos needs to know the processes: --ready-file names the file that \"mailcluster serve --ready-file\" wrote.");
        }

        if (Events.Any(one => one.Kind == ChaosKind.Partition) && (readyFiles.Count < 2 || !canPartition))
        {
            faults.Add(
                "--chaos partition needs a cluster, and --partition-command: a command that cuts the node off whose ready file is its first argument (\"cut\" or \"heal\" is the second).");
        }

        faults.AddRange(Events.Where(one => one.At + one.For > duration && one.Kind != ChaosKind.Kill)
            .Concat(Events.Where(one => one.Kind == ChaosKind.Kill && one.At >= duration))
            .Select(one => $"--chaos: {one.Kind.ToString().ToLowerInvariant()} at {DurationText.Say(one.At)} does not end within the run of {DurationText.Say(duration)}."));
        if (faults.Count > 0)
        {
            throw new LoadFaultException([.. faults]);
        }
    }
}
