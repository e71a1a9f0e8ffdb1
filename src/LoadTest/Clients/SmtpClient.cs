using System.Buffers.Text;
using System.Runtime.CompilerServices;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>One SMTP connection and the message that is on it.</summary>
internal sealed class SmtpClient : IDisposable
{
    private const int PieceMax = 32 * 1024;
    private const int PendingMax = 64 * 1024;
    private const int QueueIdMax = 64;

    private readonly RunContext _run;
    private readonly ClientPlan _plan;
    private readonly Connection _connection;
    private readonly SizeDistribution _sizes;
    private readonly byte[] _queueId = new byte[QueueIdMax];
    private readonly int[] _users;
    private readonly int[] _accepted;
    private int _queueIdLength;
    private int _recipients;
    private int _acceptedCount;
    private int _sender;
    private long _number;
    private int _size;

    public SmtpClient(RunContext run, ClientPlan plan, SizeDistribution sizes)
    {
        _run = run;
        _plan = plan;
        _sizes = sizes;
        _connection = new Connection(run.Loop);
        _users = new int[plan.RecipientsMax];
        _accepted = new int[plan.RecipientsMax];
        run.Connections++;
    }

    public Connection Connection => _connection;

    public bool IsOpen => _connection.IsOpen;

    /// <summary>Octets of the body that was sent last.</summary>
    public int Size => _size;

    private bool Submits => _plan.Kind == ClientKind.Submission;

    public void Dispose()
    {
        _connection.Dispose();
        _run.Connections--;
    }

    /// <summary>To where mail can be sent: greeting, EHLO, TLS, login.</summary>
    public async ValueTask<Outcome> OpenAsync()
    {
        var target = _run.Targets.Next();
        var encrypts = _plan.Tls > 0 && _run.Random.NextDouble() < _plan.Tls;
        var isImplicit = Submits && encrypts && target.Submissions is not null;
        var address = isImplicit ? target.Submissions : Submits ? target.Submission : target.Smtp;
        if (!await _connection.ConnectAsync(address!, _run.Sources.Next()))
        {
            return Outcome.Lost(Stage.Connect, _connection);
        }

        if (_run.Sources.IsProxied)
        {
            _run.Sources.WriteHeader(_connection.Room(SourcePool.HeaderSize));
            _connection.Advance(SourcePool.HeaderSize);
            await _connection.FlushAsync();
        }

        if (isImplicit && !await _connection.StartTlsAsync(_run.Tls))
        {
            return Outcome.Lost(Stage.Tls, _connection);
        }

        if (await ReadReplyAsync() is var greeting and not 220)
        {
            return End(Stage.Greeting, greeting);
        }

        if (await AskAsync("EHLO load.invalid\r\n"u8) is var ehlo and not 250)
        {
            return End(Stage.Ehlo, ehlo);
        }

        if (encrypts && !isImplicit)
        {
            if (await AskAsync("STARTTLS\r\n"u8) is var starts and not 220)
            {
                return End(Stage.Tls, starts);
            }

            if (!await _connection.StartTlsAsync(_run.Tls))
            {
                return Outcome.Lost(Stage.Tls, _connection);
            }

            if (await AskAsync("EHLO load.invalid\r\n"u8) is var again and not 250)
            {
                return End(Stage.Ehlo, again);
            }
        }

        return Submits ? await LogInAsync() : Outcome.Done;
    }

    /// <summary>MAIL, RCPT, DATA of the next message, into what the next flush sends.</summary>
    public void WriteEnvelope()
    {
        _number = _run.NextNumber();
        _size = LoadMessage.BodySize(_sizes.Draw(_run.Random));
        if (!Submits)
        {
            _sender = _run.Users.Draw(_run.Random, 0);
        }

        _connection.Write("MAIL FROM:<"u8);
        WriteSender();
        _connection.Write(">\r\n"u8);
        // The greater a number of recipients, the rarer: half the messages have one, and so on.
        _recipients = 1;
        while (_recipients < _users.Length && _run.Random.Next(2) == 0)
        {
            _recipients++;
        }

        for (var index = 0; index < _recipients; index++)
        {
            var user = _run.Users.Draw(_run.Random, Submits ? 0 : _plan.Tenant);
            if (_users.AsSpan(0, index).Contains(user))
            {
                _recipients = index; // twice the same gives one copy, which the ledger could not tell from a loss
                break;
            }

            _users[index] = user;
            _connection.Write("RCPT TO:<"u8);
            _connection.Write(_run.Users.Address(user));
            _connection.Write(">\r\n"u8);
        }

        _connection.Write("DATA\r\n"u8);
    }

    /// <summary>Reads what <see cref="WriteEnvelope"/> is answered with.</summary>
    /// <param name="notes">Gets a count for each recipient that is refused while others are not.</param>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Outcome> ReadEnvelopeAsync(OperationMeter notes)
    {
        var mail = await ReadReplyAsync();
        var refusal = mail is >= 200 and < 300 ? Outcome.Done : End(Stage.Mail, mail);
        _acceptedCount = 0;
        for (var index = 0; index < _recipients; index++)
        {
            var code = await ReadReplyAsync();
            if (code is >= 200 and < 300)
            {
                _accepted[_acceptedCount++] = _users[index];
            }
            else if (refusal.IsDone)
            {
                refusal = End(Stage.Rcpt, code);
            }
        }

        var data = await ReadReplyAsync();
        if (data == 354)
        {
            if (!refusal.IsDone)
            {
                notes.Note(refusal);
            }

            return Outcome.Done;
        }

        return refusal.IsDone ? End(Stage.Data, data) : refusal;
    }

    /// <summary>Header, body and the dot, into what the next flush sends.</summary>
    public async ValueTask WriteMessageAsync()
    {
        var to = _run.Users.Address(_users[0]);
        var room = _connection.Room(LoadMessage.HeaderSizeMax + (3 * to.Length));
        _connection.Advance(_run.Message.WriteHeader(room, _number, _size, Sender(), to));
        for (var offset = 0; offset < _size - 2;)
        {
            var piece = _run.Message.Piece(_number, _size, offset);
            piece = piece[..Math.Min(piece.Length, PieceMax)];
            _connection.Write(piece.Span);
            offset += piece.Length;
            if (_connection.Pending > PendingMax && !await _connection.FlushAsync())
            {
                return;
            }
        }

        _connection.Write("\r\n.\r\n"u8);
    }

    /// <summary>The reply to the message that was written before a next envelope was.</summary>
    public async ValueTask<Outcome> ReadVerdictAsync(Sent sent)
    {
        var code = await ReadReplyAsync();
        if (code is < 200 or >= 300)
        {
            return End(Stage.Body, code);
        }

        _run.Ledger?.Acknowledge(sent.Number, _queueId.AsSpan(0, _queueIdLength), sent.Users.Span);
        return Outcome.Done;
    }

    /// <summary>What has to be kept of a message when the next envelope is written before its reply.</summary>
    public Sent Take() => new(_number, _size, _accepted.AsMemory(0, _acceptedCount));

    public async ValueTask QuitAsync() => await AskAsync("QUIT\r\n"u8);

    /// <summary>The code of a reply, all lines of it; 0: the connection ended.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReadReplyAsync()
    {
        while (true)
        {
            var line = _connection.Received;
            var end = line.IndexOf((byte)'\n');
            if (end < 0)
            {
                if (line.Length > 16 * 1024 || !await _connection.FillAsync())
                {
                    return 0;
                }

                continue;
            }

            line = line[..end];
            var isCode = Utf8Parser.TryParse(line, out int code, out var digits) && digits == 3;
            var isLast = line.Length < 4 || line[3] != (byte)'-';
            if (isLast && code == 250)
            {
                KeepQueueId(line);
            }

            _connection.Take(end + 1);
            if (!isCode)
            {
                return 0;
            }

            if (isLast)
            {
                return code;
            }
        }
    }

    public async ValueTask<int> AskAsync(ReadOnlyMemory<byte> command)
    {
        _connection.Write(command.Span);
        return await _connection.FlushAsync() ? await ReadReplyAsync() : 0;
    }

    private ValueTask<int> AskAsync(ReadOnlySpan<byte> command)
    {
        _connection.Write(command);
        return AskAsync(ReadOnlyMemory<byte>.Empty);
    }

    private async ValueTask<Outcome> LogInAsync()
    {
        _sender = _run.Users.Draw(_run.Random, _plan.Tenant);
        var address = _run.Users.AddressText(_sender);
        var plain = Convert.ToBase64String(
            System.Text.Encoding.ASCII.GetBytes($"\0{address}\0{_run.Users.PasswordText(_sender)}"));
        var code = await AskAsync(System.Text.Encoding.ASCII.GetBytes($"AUTH PLAIN {plain}\r\n"));
        return code == 235 ? Outcome.Done : End(Stage.Auth, code);
    }

    private ReadOnlySpan<byte> Sender() => Submits ? _run.Users.Address(_sender) : "sender@load.invalid"u8;

    private void WriteSender() => _connection.Write(Sender());

    /// <summary>The last word of "250 2.6.0 ... ID", without brackets.</summary>
    private void KeepQueueId(ReadOnlySpan<byte> line)
    {
        line = line.TrimEnd("\r .>"u8);
        var id = line[(line.LastIndexOfAny(" <="u8) + 1)..];
        id = id[..Math.Min(id.Length, QueueIdMax)];
        id.CopyTo(_queueId);
        _queueIdLength = id.Length;
    }

    private Outcome End(Stage stage, int code) =>
        code == 0 ? Outcome.Lost(stage, _connection) : Outcome.Refused(stage, code);
}

/// <summary>A message whose reply is awaited.</summary>
internal readonly record struct Sent(long Number, int Size, ReadOnlyMemory<int> Users);
