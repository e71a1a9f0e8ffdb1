using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>
/// Hostile clients: noise, endless lines, guessed passwords and recipients, bodies that break off. Done means that
/// the server answered or closed in time; that is all it owes them.
/// </summary>
internal sealed class Strangers(RunContext run, ClientPlan plan, OperationMeter meter) : IClients
{
    /// <summary>Nanoseconds that an attack waits for an answer: longer than a server's tarpit.</summary>
    private const long Patience = 30_000_000_000;

    private const int Attacks = 7;

    private int _next;

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
        _next = (_next + 1) % Attacks;
        run.Track(AttackAsync(intended, _next));
    }

    private async Task AttackAsync(long intended, int attack)
    {
        run.Connections++;
        using var connection = new Connection(run.Loop) { Patience = Patience };
        var target = run.Targets.Next();
        var isPop3 = attack is 1 && target.Pop3 is not null;
        if (!await connection.ConnectAsync((isPop3 ? target.Pop3 : target.Smtp)!, run.StrangeSources.Next()))
        {
            meter.Fail(Outcome.Lost(Stage.Connect, connection));
        }
        else if (!await connection.FillAsync())
        {
            meter.Fail(Outcome.Lost(Stage.Greeting, connection));
        }
        else
        {
            connection.Take(connection.Received.Length);
            WriteAttack(connection, attack, isPop3);
            await connection.FlushAsync();
            if (attack == 5)
            {
                connection.Abort(); // in the middle of a body: nobody may get it
            }

            var answered = attack == 5 || await connection.FillAsync();
            if (answered || connection.End is ConnectionEnd.ClosedByPeer or ConnectionEnd.Reset)
            {
                meter.Done(run.Loop.Now - intended, 0);
            }
            else
            {
                meter.Fail(Outcome.Lost(Stage.Data, connection));
            }
        }

        run.Connections--;
    }

    private void WriteAttack(Connection connection, int attack, bool isPop3)
    {
        var user = run.Users.Address(run.Users.Draw(run.Random, plan.Tenant));
        switch (attack)
        {
            case 0:
                connection.Write("GET / HTTP/1.1\r\nHost: load.invalid\r\n\r\n"u8);
                break;
            case 1:
                connection.Write(isPop3 ? "USER nobody\r\nPASS guessed\r\n"u8 : "AUTH LOGIN\r\n"u8);
                break;
            case 2: // what a TLS client says first
                connection.Write([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03, 0x0D, 0x0A]);
                break;
            case 3:
                connection.Room(8192)[..8192].Fill((byte)'A');
                connection.Advance(8192);
                connection.Write("\r\n"u8);
                break;
            case 4:
                connection.Write("EHLO load.invalid\r\nMAIL FROM:<>\r\n"u8);
                for (var guess = 0; guess < 8; guess++)
                {
                    connection.Write("RCPT TO:<nobody@nowhere.invalid>\r\n"u8);
                }

                break;
            case 5:
                connection.Write("EHLO load.invalid\r\nMAIL FROM:<>\r\nRCPT TO:<"u8);
                connection.Write(user);
                connection.Write(">\r\nDATA\r\nSubject: breaks off\r\n\r\nand then"u8);
                break;
            default:
                connection.Write("EHLO load.invalid\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\n\0\0\0\r\n"u8);
                break;
        }
    }
}
