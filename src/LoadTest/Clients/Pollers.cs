using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>
/// Users who look for mail: log in, retrieve what is new, mark some of it and quit, or go away without QUIT. Only
/// messages of this run are ever marked.
/// </summary>
internal sealed class Pollers(RunContext run, ClientPlan plan, OperationMeter meter) : IClients
{
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
        run.Track(PollAsync(intended));
    }

    private async Task PollAsync(long intended)
    {
        run.Connections++;
        using var client = new Pop3Client(run.Loop);
        var user = run.Users.Draw(run.Random, plan.Tenant);
        var encrypts = plan.Tls > 0 && run.Random.NextDouble() < plan.Tls;
        var outcome = await client.OpenAsync(run.Targets.Next(), run.Sources, encrypts ? run.Tls : null);
        if (outcome.IsDone)
        {
            outcome = await client.LogInAsync(run.Users, user);
        }

        if (outcome.IsDone)
        {
            outcome = await client.StatAsync();
        }

        if (outcome.IsDone)
        {
            outcome = await ReadAsync(client, user);
        }

        if (outcome.IsDone)
        {
            meter.Done(run.Loop.Now - intended, 0);
        }
        else
        {
            meter.Fail(outcome, run.Loop.Now - intended);
        }

        run.Connections--;
    }

    private async ValueTask<Outcome> ReadAsync(Pop3Client client, int user)
    {
        List<long>? marked = null;
        var abandons = plan.Abandon > 0 && run.Random.NextDouble() < plan.Abandon;
        var last = Math.Max(1, client.Messages - plan.RetrieveMax + 1);
        for (var number = client.Messages; number >= last; number--)
        {
            client.WriteRetrieve(number);
            await client.Connection.FlushAsync();
            var outcome = await client.ReadMessageAsync();
            if (outcome.Code == -1)
            {
                meter.Note(outcome); // somebody else removed it meanwhile
                continue;
            }

            if (!outcome.IsDone)
            {
                return outcome;
            }

            if (!run.Message.TryFind(client.Message, out var found))
            {
                continue;
            }

            if (run.Random.NextDouble() >= plan.Delete)
            {
                run.Ledger?.Seen(user, found.Number);
                continue;
            }

            outcome = await client.MarkAsync(number);
            if (!outcome.IsDone)
            {
                return outcome;
            }

            if (abandons)
            {
                run.Ledger?.Seen(user, found.Number); // marks without QUIT remove nothing (RFC 1939 §6)
            }
            else
            {
                (marked ??= []).Add(found.Number);
            }
        }

        if (abandons)
        {
            client.Connection.Abort();
            return Outcome.Done;
        }

        var session = marked is null ? 0
            : run.Ledger?.Removing(user, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(marked)) ?? 0;
        var quit = await client.QuitAsync();
        if (session != 0 && quit.IsDone)
        {
            run.Ledger!.Removed(session);
        }

        return quit;
    }
}
