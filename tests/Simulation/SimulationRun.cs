namespace MailCluster.Simulation;

/// <summary>One seed: a cluster, its clients, what goes wrong, and in the end all is healed and looked at.</summary>
internal static class SimulationRun
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(20);

    /// <summary>In virtual time: whoever has no answer by then gets none.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    public static RunResult Of(ulong seed, TextWriter? trace = null, Planted planted = Planted.None)
    {
        var world = new World(seed, trace, planted);
        Exception? failure = null;
        try
        {
            world.Scheduler.Run(() => WatchAsync(world));
        }
        catch (Exception thrown)
        {
            // Whatever it is: it belongs to this seed, and the others go on.
            failure = thrown;
        }

        return new RunResult(seed, failure, world.Events.Trace, world.Plan, world.Counts);
    }

    private static async Task WatchAsync(World world)
    {
        var life = world.WatchAsync(LiveAsync(world));
        await await Task.WhenAny(life, world.Broken, world.WaitAsync(Patience));
        if (!life.IsCompleted)
        {
            throw new InvariantBrokenException("end", $"After {Patience} somebody still waits for an answer.");
        }

        if (world.Broken.IsCompleted)
        {
            await world.Broken;
        }
    }

    private static async Task LiveAsync(World world)
    {
        var chance = world.Chance;
        for (var i = 0; i < world.Plan.Nodes; i++)
        {
            world.AddNode();
        }

        var clients = new List<Task>();
        void Start(int count, Func<Chance, Task> live)
        {
            for (; count > 0; count--)
            {
                clients.Add(world.WatchAsync(live(chance.Split())));
            }
        }

        Start(world.Plan.Senders, world.Clients.SendAsync);
        Start(world.Plan.Readers, world.Clients.ReadAsync);
        Start(world.Plan.Callers, world.Clients.CallAsync);
        await world.Faults.RunAsync(chance.Split());
        await world.Faults.HealAsync();
        await Task.WhenAll(clients);
        await world.WaitAsync(Settling);
        world.Mail.CheckEnd();
        await world.Clients.CheckPermitsAsync(chance);
    }
}
