using System.Buffers.Text;
using System.Runtime.CompilerServices;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;

namespace MailCluster.LoadTest.Clients;

/// <summary>One POP3 connection.</summary>
internal sealed class Pop3Client(EventLoop loop) : IDisposable
{
    private const int LineMax = 16 * 1024;
    private const int MessageMax = 256 * 1024 * 1024;

    private int _bodyTaken;

    public Connection Connection { get; } = new(loop);

    /// <summary>Of STAT.</summary>
    public int Messages { get; private set; }

    public bool IsOpen => Connection.IsOpen;

    public void Dispose() => Connection.Dispose();

    /// <summary>Connects and waits for the greeting.</summary>
    public async ValueTask<Outcome> OpenAsync(
        TargetAddresses target, SourcePool sources, System.Net.Security.SslClientAuthenticationOptions? tls)
    {
        var isImplicit = tls is not null && target.Pop3s is not null;
        if (!await Connection.ConnectAsync((isImplicit ? target.Pop3s : target.Pop3)!, sources.Next()))
        {
            return Outcome.Lost(Stage.Connect, Connection);
        }

        if (sources.IsProxied)
        {
            sources.WriteHeader(Connection.Room(SourcePool.HeaderSize));
            Connection.Advance(SourcePool.HeaderSize);
            await Connection.FlushAsync();
        }

        if (isImplicit && !await Connection.StartTlsAsync(tls!))
        {
            return Outcome.Lost(Stage.Tls, Connection);
        }

        if (await ReadStatusAsync() is var greeting and not 1)
        {
            return End(Stage.Greeting, greeting);
        }

        if (tls is null || isImplicit)
        {
            return Outcome.Done;
        }

        if (await AskAsync("STLS\r\n"u8) is var starts and not 1)
        {
            return End(Stage.Tls, starts);
        }

        return await Connection.StartTlsAsync(tls) ? Outcome.Done : Outcome.Lost(Stage.Tls, Connection);
    }

    public async ValueTask<Outcome> LogInAsync(Population users, int user)
    {
        Connection.Write("USER "u8);
        Connection.Write(users.Address(user));
        if (await AskAsync("\r\n"u8) is var name and not 1)
        {
            return End(Stage.Login, name);
        }

        Connection.Write("PASS "u8);
        Connection.Write(users.Password(user));
        return await AskAsync("\r\n"u8) is var pass and not 1 ? End(Stage.Login, pass) : Outcome.Done;
    }

    public async ValueTask<Outcome> StatAsync() =>
        await AskAsync("STAT\r\n"u8) is var code and not 1 ? End(Stage.Stat, code) : Outcome.Done;

    public async ValueTask<Outcome> QuitAsync() =>
        await AskAsync("QUIT\r\n"u8) is var code and not 1 ? End(Stage.Quit, code) : Outcome.Done;

    public async ValueTask<Outcome> MarkAsync(int number)
    {
        WriteNumbered("DELE "u8, number);
        return await AskAsync(default) is var code and not 1 ? End(Stage.Dele, code) : Outcome.Done;
    }

    public void WriteRetrieve(int number) => WriteNumbered("RETR "u8, number);

    /// <summary>The answer to RETR; <see cref="Message"/> is there until the next one is read.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome> ReadMessageAsync()
    {
        if (await ReadStatusAsync() is var code and not 1)
        {
            return End(Stage.Retr, code);
        }

        // A message of no line at all: the dot comes first.
        for (var looked = 0; ;)
        {
            var received = Connection.Received;
            if (received.StartsWith(".\r\n"u8))
            {
                _bodyTaken = 3;
                return Outcome.Done;
            }

            var end = received.Length <= looked ? -1 : received[looked..].IndexOf("\r\n.\r\n"u8);
            if (end >= 0)
            {
                _bodyTaken = looked + end + 5;
                return Outcome.Done;
            }

            looked = Math.Max(0, received.Length - 4);
            if (received.Length > MessageMax || !await Connection.FillAsync())
            {
                return Outcome.Lost(Stage.Retr, Connection);
            }
        }
    }

    /// <summary>As RETR sent it, dots doubled.</summary>
    public ReadOnlySpan<byte> Message => _bodyTaken <= 3 ? default : Connection.Received[..(_bodyTaken - 3)];

    /// <summary>1: +OK; -1: -ERR; 0: the connection ended.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadStatusAsync()
    {
        TakeMessage();
        while (true)
        {
            var line = Connection.Received;
            var end = line.IndexOf((byte)'\n');
            if (end < 0)
            {
                if (line.Length > LineMax || !await Connection.FillAsync())
                {
                    return 0;
                }

                continue;
            }

            var isOk = line.StartsWith("+OK"u8);
            if (isOk && line.Length > 4 && Utf8Parser.TryParse(line[4..], out int count, out _))
            {
                Messages = count;
            }

            Connection.Take(end + 1);
            return isOk ? 1 : -1;
        }
    }

    public async ValueTask<int> SendAsync(ReadOnlyMemory<byte> octets)
    {
        Connection.Write(octets.Span);
        return await Connection.FlushAsync() ? await ReadStatusAsync() : 0;
    }

    private ValueTask<int> AskAsync(ReadOnlySpan<byte> command)
    {
        Connection.Write(command);
        return SendAsync(ReadOnlyMemory<byte>.Empty);
    }

    private void TakeMessage()
    {
        if (_bodyTaken > 0)
        {
            Connection.Take(_bodyTaken);
            _bodyTaken = 0;
        }
    }

    private void WriteNumbered(ReadOnlySpan<byte> verb, int number)
    {
        var room = Connection.Room(24);
        verb.CopyTo(room);
        Utf8Formatter.TryFormat(number, room[verb.Length..], out var length);
        length += verb.Length;
        room[length++] = (byte)'\r';
        room[length++] = (byte)'\n';
        Connection.Advance(length);
    }

    private Outcome End(Stage stage, int code) =>
        code == 0 ? Outcome.Lost(stage, Connection) : Outcome.Refused(stage, code);
}
