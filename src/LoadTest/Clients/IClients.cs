namespace MailCluster.LoadTest.Clients;

/// <summary>The clients of one plan. Lives on the loop.</summary>
internal interface IClients
{
    /// <summary>Clients that are there all the time begin.</summary>
    void Start();

    /// <summary>Somebody wants to begin; returns at once.</summary>
    /// <param name="intended">Nanoseconds of the loop's clock: latency counts from here.</param>
    void Arrive(long intended);

    /// <summary>Ends what only waits.</summary>
    void Stop();
}
