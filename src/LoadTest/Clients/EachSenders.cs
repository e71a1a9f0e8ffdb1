using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>A connection for each message: most of the mail that comes from strangers.</summary>
internal sealed class EachSenders(RunContext run, ClientPlan plan, OperationMeter meter) : IClients
{
    private readonly SizeDistribution _sizes = plan.Sizes is { } own ? new SizeDistribution(own) : run.Sizes;

    public void Start()
    {
    }

    public void Stop()
    {
    }

    public void Arrive(long intended)
    {
        if (meter.InFlight >= plan.InFlightMax)
        {
            meter.RefuseToBegin();
            return;
        }

        meter.Begin();
        run.Track(SendAsync(intended));
    }

    private async Task SendAsync(long intended)
    {
        using var client = new SmtpClient(run, plan, _sizes);
        var outcome = await client.OpenAsync();
        if (outcome.IsDone)
        {
            client.WriteEnvelope();
            await client.Connection.FlushAsync();
            outcome = await client.ReadEnvelopeAsync(meter);
        }

        if (outcome.IsDone)
        {
            await client.WriteMessageAsync();
            await client.Connection.FlushAsync();
            outcome = await client.ReadVerdictAsync(client.Take());
        }

        if (outcome.IsDone)
        {
            meter.Done(run.Loop.Now - intended, client.Size);
        }
        else
        {
            meter.Fail(outcome, run.Loop.Now - intended);
        }

        if (client.IsOpen)
        {
            await client.QuitAsync();
        }
    }
}
