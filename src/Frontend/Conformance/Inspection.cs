namespace MailCluster.Frontend.Conformance;

/// <summary>Plays the probes of the rows that are asked for, one after the other; those that wait, together.</summary>
internal sealed class Inspection(Target target, TimeProvider time)
{
    /// <summary>In the order of play: what uses up the messages of a minute comes last.</summary>
    public static IReadOnlyList<Probe> Probes { get; } =
    [
        .. SmtpProbes.All, .. ExtensionProbes.All, .. SaslProbes.All, .. SessionProbes.All, .. ConnectionProbes.All,
        .. Pop3Probes.All, .. MailboxProbes.All, .. CarriedProbes.All, .. MessageProbes.All,
    ];

    /// <param name="only">Ids; none: every row.</param>
    /// <param name="progress">Called with each row that begins.</param>
    /// <returns>In the order of the requirement document.</returns>
    /// <exception cref="UnreachableTargetException">There is nothing to judge.</exception>
    public async Task<IReadOnlyList<Judgement>> RunAsync(
        IReadOnlyCollection<string> only, Action<Row> progress, CancellationToken stop)
    {
        var visit = new Visit(target, time, stop);
        await using (await visit.ConnectAsync(target.Smtp))
        {
        }

        var wanted = Row.All.Where(row => only.Count == 0 || only.Contains(row.Id)).ToDictionary(row => row.Id);
        var findings = wanted.Values.Where(row => row.Reason.Length > 0)
            .ToDictionary(row => row.Id, row => Finding.NotObservable(row.Reason));
        foreach (var probe in Probes.Where(probe => !probe.IsSlow && wanted.ContainsKey(probe.Id)))
        {
            progress(wanted[probe.Id]);
            findings[probe.Id] = await PlayAsync(probe, visit);
        }

        var waiting = Probes.Where(probe => probe.IsSlow && wanted.ContainsKey(probe.Id)).Select(async probe =>
        {
            progress(wanted[probe.Id]);
            return (probe.Id, Finding: await PlayAsync(probe, visit));
        }).ToArray();
        foreach (var (id, finding) in await Task.WhenAll(waiting))
        {
            findings[id] = finding;
        }

        return [.. wanted.Values.Select(row => new Judgement(row, findings[row.Id]))];
    }

    public static async Task<Finding> PlayAsync(Probe probe, Visit visit)
    {
        try
        {
            return await probe.Play(visit);
        }
        catch (ProbeStoppedException stopped)
        {
            return stopped.Finding;
        }
        catch (UnreachableTargetException unreachable)
        {
            return Finding.Fail(unreachable.Message);
        }
    }
}
