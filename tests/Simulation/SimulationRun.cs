namespace MailCluster.Simulation;

/// <summary>One seed: a cluster, its clients, what goes wrong, and in the end everything healed and looked at.</summary>
internal static class SimulationRun
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(30);

    public static RunResult Of(ulong seed, TextWriter? trace = null)
    {
        var world = new World(seed, trace);
        Exception? failure = null;
        try
        {
            world.Scheduler.Run(() => LiveAsync(world));
        }
        catch (Exception thrown)
        {
            // Whatever it is: it belongs to this seed, and the others go on.
            failure = thrown;
        }

        return new RunResult(seed, failure, world.Events.Trace, world.Plan, world.Counts);
    }

    private static async Task LiveAsync(World world)
    {
        var chance = world.Chance;
        world.Nodes.Add(new Node(world, 1));
        var all = new List<Task>();
        all.AddRange(Enumerable.Range(0, world.Plan.Senders).Select(_ => world.Clients.SendAsync(chance.Split())));
        all.AddRange(Enumerable.Range(0, world.Plan.Readers).Select(_ => world.Clients.ReadAsync(chance.Split())));
        all.AddRange(Enumerable.Range(0, world.Plan.Callers).Select(_ => world.Clients.CallAsync(chance.Split())));
        await Task.WhenAll(all);
        await world.WaitAsync(Settling);
        world.Mail.CheckEnd();
    }
}
