using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>
/// Connections that are kept and take messages as they come: a relay, a large sender. An arrival waits for the first
/// one that is free, and its latency counts that wait.
/// </summary>
internal sealed class KeptSenders(RunContext run, ClientPlan plan, OperationMeter meter) : IClients
{
    private readonly SizeDistribution _sizes = plan.Sizes is { } own ? new SizeDistribution(own) : run.Sizes;
    private readonly Queue<long> _arrived = new();
    private readonly Stack<Signal> _idle = new();

    public void Start()
    {
        for (var index = 0; index < plan.Count; index++)
        {
            run.Track(ServeAsync());
        }
    }

    public void Arrive(long intended)
    {
        if (meter.InFlight >= plan.InFlightMax)
        {
            meter.RefuseToBegin();
            return;
        }

        meter.Begin();
        _arrived.Enqueue(intended);
        if (_idle.TryPop(out var signal))
        {
            signal.Give();
        }
    }

    /// <summary>What has arrived is still sent; whoever has nothing to send quits.</summary>
    public void Stop()
    {
        while (_idle.TryPop(out var signal))
        {
            signal.Give();
        }
    }

    private async Task ServeAsync()
    {
        var signal = new Signal();
        SmtpClient? client = null;
        while (true)
        {
            if (!_arrived.TryDequeue(out var intended))
            {
                if (run.IsStopping)
                {
                    break;
                }

                _idle.Push(signal);
                await signal;
                continue;
            }

            if (client is not { IsOpen: true })
            {
                client?.Dispose();
                client = new SmtpClient(run, plan, _sizes);
                var opened = await client.OpenAsync();
                if (!opened.IsDone)
                {
                    meter.Fail(opened);
                    client.Dispose();
                    client = null;
                    continue;
                }
            }

            await SendAsync(client, intended);
        }

        if (client is not null)
        {
            if (client.IsOpen)
            {
                await client.QuitAsync();
            }

            client.Dispose();
        }
    }

    /// <summary>One message, and those that arrive meanwhile: their commands go out with the body before.</summary>
    private async ValueTask SendAsync(SmtpClient client, long intended)
    {
        client.WriteEnvelope();
        await client.Connection.FlushAsync();
        while (true)
        {
            var outcome = await client.ReadEnvelopeAsync(meter);
            if (!outcome.IsDone)
            {
                meter.Fail(outcome);
                return;
            }

            await client.WriteMessageAsync();
            var sent = client.Take();
            var goesOn = _arrived.TryDequeue(out var next);
            if (goesOn && plan.Pipelines)
            {
                client.WriteEnvelope();
            }

            await client.Connection.FlushAsync();
            outcome = await client.ReadVerdictAsync(sent);
            if (outcome.IsDone)
            {
                meter.Done(run.Loop.Now - intended, sent.Size);
            }
            else
            {
                meter.Fail(outcome);
            }

            if (!goesOn)
            {
                return;
            }

            intended = next;
            if (!plan.Pipelines)
            {
                client.WriteEnvelope();
                await client.Connection.FlushAsync();
            }
        }
    }
}
