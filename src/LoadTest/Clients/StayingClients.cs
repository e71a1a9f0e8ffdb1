using System.Text;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>
/// Clients that only hold a connection: idle ones say nothing after the greeting, slow ones send a body octet by octet
/// and never end it. When the server closes, they come again.
/// </summary>
internal sealed class StayingClients(RunContext run, ClientPlan plan, OperationMeter meter) : IClients
{
    /// <summary>Nanoseconds between two that begin: a listener's queue is not flooded.</summary>
    private const long Ramp = 500_000;

    private const long Rest = 1_000_000_000;
    private const long Day = 86_400_000_000_000;

    private readonly HashSet<Connection> _open = [];
    private readonly List<Pause> _pauses = [];

    public void Start()
    {
        for (var index = 0; index < plan.Count; index++)
        {
            run.Track(StayAsync(index * Ramp));
        }
    }

    public void Arrive(long intended)
    {
    }

    public void Stop()
    {
        foreach (var connection in _open.ToArray())
        {
            connection.Abort();
        }

        foreach (var pause in _pauses.ToArray())
        {
            pause.Cancel();
        }
    }

    private async Task StayAsync(long delay)
    {
        var pause = new Pause(run.Loop);
        await PauseAsync(pause, delay);
        while (!run.IsStopping)
        {
            var begun = run.Loop.Now;
            var connection = new Connection(run.Loop) { Patience = Day };
            _open.Add(connection);
            run.Connections++;
            meter.Arrive();
            meter.Begin();
            var opened = await OpenAsync(connection);
            if (opened.IsDone)
            {
                meter.Done(run.Loop.Now - begun, 0);
                await (plan.Kind == ClientKind.Slow ? DripAsync(connection) : ReadToEndAsync(connection));
                if (!run.IsStopping)
                {
                    meter.Note(Outcome.Lost(Stage.Data, connection));
                }
            }
            else if (run.IsStopping)
            {
                meter.Leave();
            }
            else
            {
                meter.Fail(opened);
            }

            run.Connections--;
            _open.Remove(connection);
            connection.Dispose();
            await PauseAsync(pause, Rest);
        }
    }

    private async ValueTask PauseAsync(Pause pause, long nanoseconds)
    {
        if (run.IsStopping)
        {
            return;
        }

        _pauses.Add(pause);
        await pause.For(nanoseconds);
        _pauses.Remove(pause);
    }

    /// <summary>To where it stays.</summary>
    private async ValueTask<Outcome> OpenAsync(Connection connection)
    {
        var target = run.Targets.Next();
        var isPop3 = plan.IdlesInPop3;
        var encrypts = plan.Tls > 0 && run.Random.NextDouble() < plan.Tls;
        var address = isPop3 ? encrypts && target.Pop3s is not null ? target.Pop3s : target.Pop3 : target.Smtp;
        if (!await connection.ConnectAsync(address!, run.Sources.Next()))
        {
            return Outcome.Lost(Stage.Connect, connection);
        }

        if (run.Sources.IsProxied)
        {
            run.Sources.WriteHeader(connection.Room(SourcePool.HeaderSize));
            connection.Advance(SourcePool.HeaderSize);
            await connection.FlushAsync();
        }

        if (isPop3 && encrypts && target.Pop3s is not null && !await connection.StartTlsAsync(run.Tls))
        {
            return Outcome.Lost(Stage.Tls, connection);
        }

        if (!await ReadLineAsync(connection, isPop3 ? (byte)'+' : (byte)'2'))
        {
            return Outcome.Lost(Stage.Greeting, connection);
        }

        return plan.Kind == ClientKind.Slow ? await BeginBodyAsync(connection) : Outcome.Done;
    }

    private async ValueTask<Outcome> BeginBodyAsync(Connection connection)
    {
        var user = run.Users.AddressText(run.Users.Draw(run.Random, plan.Tenant));
        string[] commands =
            ["HELO load.invalid", "MAIL FROM:<slow@load.invalid>", $"RCPT TO:<{user}>", "DATA"];
        foreach (var command in commands)
        {
            connection.Write(Encoding.ASCII.GetBytes($"{command}\r\n"));
            await connection.FlushAsync();
            if (!await ReadLineAsync(connection, command == "DATA" ? (byte)'3' : (byte)'2'))
            {
                return Outcome.Lost(command == "DATA" ? Stage.Data : Stage.Mail, connection);
            }
        }

        return Outcome.Done;
    }

    private async ValueTask DripAsync(Connection connection)
    {
        var pause = new Pause(run.Loop);
        var octet = 0;
        while (connection.IsOpen && !run.IsStopping)
        {
            connection.Write(octet++ % 72 == 71 ? "\r\n"u8 : "x"u8);
            if (await connection.FlushAsync())
            {
                await PauseAsync(pause, (long)(1e9 / plan.OctetsPerSecond));
            }
        }
    }

    private static async ValueTask ReadToEndAsync(Connection connection)
    {
        while (await connection.FillAsync())
        {
            connection.Take(connection.Received.Length);
        }
    }

    /// <summary>One line that begins as it should; the connection is closed when it does not.</summary>
    private static async ValueTask<bool> ReadLineAsync(Connection connection, byte first)
    {
        while (connection.Received.IndexOf((byte)'\n') < 0)
        {
            if (!await connection.FillAsync())
            {
                return false;
            }
        }

        var fits = connection.Received[0] == first;
        connection.Take(connection.Received.Length);
        if (!fits)
        {
            connection.Dispose();
        }

        return fits;
    }
}
