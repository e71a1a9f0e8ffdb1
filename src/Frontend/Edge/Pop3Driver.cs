using System.Buffers;
using System.Runtime.CompilerServices;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Wire;

namespace MailCluster.Frontend.Edge;

/// <summary>Carries out what a POP3 session asks for. One per connection.</summary>
internal sealed class Pop3Driver(
    ClientConnection connection, Pop3Session session, Pop3Binding binding, EdgeServices services)
    : IProtocolDriver
{
    private const string Protocol = "pop3";

    /// <summary>One read of a body; it also bounds what a RETR holds in memory beside the pipe.</summary>
    private const int ReadOctets = 64 * 1024;

    /// <summary>Written octets beyond this wait for the client.</summary>
    private const long UnflushedMax = 32 * 1024;

    private readonly List<Pop3Effect> _effects = new(4);
    private readonly ReadAhead _ahead = new(services.Bodies);
    private readonly LogonGuard _logons = new(connection, services.Limits.Logons);
    private AccountId? _permit;
    private MaildropSnapshot? _snapshot;
    private int _next;
    private Pop3Reply? _refusal;
    private ContextSlot? _context;

    public bool ExpectsLine => session.Expects == Pop3Expects.Line;

    public int LineOctetsMax => session.LineOctetsMax;

    public ConnectionEndReason? Ended { get; private set; }

    /// <summary>A session that has logged in runs to its QUIT (I7).</summary>
    public bool IsBusy => session.IsAuthenticated;

    public long Commands { get; private set; }

    public long Messages { get; private set; }

    public long ProtocolErrors => session.ProtocolErrors;

    /// <summary>Instead of the greeting, say why not and close.</summary>
    public void Refuse(Pop3Reply why) => _refusal = why;

    public void Start(DateTimeOffset now)
    {
        if (_refusal is null)
        {
            session.Start(now, _effects);
        }
        else
        {
            _effects.Add(new Pop3Effect.Reply(_refusal));
            _effects.Add(new Pop3Effect.End(ConnectionEndReason.LimitExceeded));
        }
    }

    public void Line(ReadOnlySpan<byte> line, DateTimeOffset now)
    {
        Commands++;
        session.ShortestRetention = services.Retention.Days;
        session.Line(line, now, _effects);
        _logons.Note(session.LogonFailures);
        LeaveContext();
    }

    public void Fault(LineFault fault, DateTimeOffset now)
    {
        Commands++;
        session.LineFault(fault, now, _effects);
        LeaveContext();
    }

    public void TimedOut(ConnectionEndReason why)
    {
        _effects.Clear();
        _next = 0;
        session.TimedOut(why, _effects);
    }

    public void Drain() => session.Drain(_effects);

    public bool WriteReplies()
    {
        while (_next < _effects.Count)
        {
            if (_effects[_next] is not Pop3Effect.Reply reply)
            {
                return false;
            }

            Write(reply.Value);
            _next++;
        }

        _effects.Clear();
        _next = 0;
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> RunEffectsAsync()
    {
        while (!WriteReplies())
        {
            var effect = _effects[_next++];
            var answer = effect switch
            {
                Pop3Effect.SendMessage send => await SendAsync(send).ConfigureAwait(false),
                Pop3Effect.SendListing listing => await ListAsync(listing).ConfigureAwait(false),
                Pop3Effect.OpenMaildrop open => await OpenAsync(open.Account).ConfigureAwait(false),
                Pop3Effect.Update update => await UpdateAsync(update).ConfigureAwait(false),
                Pop3Effect.Authenticate ask => await AuthenticateAsync(ask.Question).ConfigureAwait(false),
                Pop3Effect.StartTls => await StartTlsAsync().ConfigureAwait(false),
                Pop3Effect.End end => await EndAsync(end.Reason).ConfigureAwait(false),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            if (Ended is not null)
            {
                return false;
            }

            if (answer is not null)
            {
                session.Answer(answer, services.Time.GetUtcNow(), _effects);
                _logons.Note(session.LogonFailures);
                LeaveContext();
                connection.InactivityTimeout = session.IsAuthenticated
                    ? binding.AuthenticatedTimeout : binding.PreAuthenticatedTimeout;
            }
        }

        return true;
    }

    public void Rest() => _ahead.Release();

    public void Abandon()
    {
        _context?.Dispose();
        _ahead.Release();
        GiveBackPermit();
    }

    /// <summary>An exchange that is over, however it ended, leaves no security context behind.</summary>
    private void LeaveContext()
    {
        if (session.Expects != Pop3Expects.Answer && session.State != Pop3States.Sasl)
        {
            _context?.Dispose();
        }
    }

    private void Write(Pop3Reply reply)
    {
        connection.Output.Write(reply.Wire.Span);
        services.Metrics.Replied(Protocol, reply.IsOk ? "ok" : "err");
    }

    private async ValueTask<Pop3Answer?> AuthenticateAsync(SaslStep.Question question)
    {
        SaslAnswer answer;
        switch (await _logons.EnterAsync(question).ConfigureAwait(false))
        {
            case LogonGate.Open:
                answer = await services.Logins.AskAsync(Protocol, question, _context ??= new()).ConfigureAwait(false);
                break;
            case LogonGate.Shut:
                answer = new SaslAnswer.Unavailable();
                break;
            default:
                return GiveUpWaiting();
        }

        if (session.CommandName == "PASS")
        {
            services.Logins.CountPass(Protocol, answer);
        }

        return new Pop3Answer.Sasl(answer);
    }

    /// <summary>The held answer gives way to the last line.</summary>
    private Pop3Answer? GiveUpWaiting()
    {
        if (connection.Expired is not { } why)
        {
            return Close();
        }

        TimedOut(why);
        return null;
    }

    private async ValueTask<Pop3Answer?> OpenAsync(AccountId account)
    {
        _logons.Succeeded();
        if (await TakePermitAsync(account).ConfigureAwait(false) is { } refusal)
        {
            return refusal;
        }

        try
        {
            _snapshot = await services.Maildrops.OpenAsync(account.Mailbox, CancellationToken.None)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is StoreUnavailableException or AskFailedException)
        {
            EdgeLog.StoreUnavailable(services.Log, e.Message);
        }

        if (_snapshot is not null)
        {
            return new Pop3Answer.MaildropOpened(_snapshot);
        }

        GiveBackPermit();
        return Pop3Answer.Unavailable.Instance;
    }

    /// <summary>MaxConnectionsPerUser: null when this session may be one of them.</summary>
    private async ValueTask<Pop3Answer?> TakePermitAsync(AccountId account)
    {
        if (binding.MaxConnectionsPerUser is not { } limit)
        {
            return null;
        }

        switch (await services.Limits.AdmitAsync(binding.Edge.Scope, account, connection.Id, limit)
            .ConfigureAwait(false))
        {
            case Admission.TooMany:
                return Pop3Answer.InUse.Instance;
            case Admission.Unreachable:
                return Pop3Answer.Unavailable.Instance;
            default:
                _permit = account;
                return null;
        }
    }

    private void GiveBackPermit()
    {
        if (_permit is { } account)
        {
            services.Limits.Release(binding.Edge.Scope, account, connection.Id);
            _permit = null;
        }
    }

    private async ValueTask<Pop3Answer?> UpdateAsync(Pop3Effect.Update update)
    {
        try
        {
            return new Pop3Answer.Updated(
                await services.Maildrops.DeleteAsync(update.Mailbox, update.Numbers, CancellationToken.None)
                    .ConfigureAwait(false));
        }
        catch (Exception e) when (e is StoreUnavailableException or AskFailedException)
        {
            EdgeLog.StoreUnavailable(services.Log, e.Message);
            return new Pop3Answer.Updated(false);
        }
    }

    private async ValueTask<Pop3Answer?> ListAsync(Pop3Effect.SendListing effect)
    {
        var listing = session.NewListing(effect.Kind);
        var isDone = false;
        while (!isDone)
        {
            isDone = listing.Write(connection.Output.GetSpan(512), out var written);
            connection.Output.Advance(written);
            if (connection.Output.UnflushedBytes >= UnflushedMax && !await connection.FlushAsync()
                .ConfigureAwait(false))
            {
                return Close();
            }
        }

        return null;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Pop3Answer?> SendAsync(Pop3Effect.SendMessage send)
    {
        if (send.BodyLines is null && await TakeAheadAsync(send.Entry).ConfigureAwait(false) is { } whole)
        {
            Write(session.MessageFollows(send.Entry));
            var stuffer = new DotStuffer(send.Entry.EndsLinesInCrLf);
            for (var from = 0; from < whole.Length;)
            {
                stuffer.Encode(whole.Span[from..], connection.Output.GetSpan(64), out var consumed, out var written);
                connection.Output.Advance(written);
                from += consumed;
                if (connection.Output.UnflushedBytes >= UnflushedMax && !await connection.FlushAsync()
                    .ConfigureAwait(false))
                {
                    return Close();
                }
            }

            Finish(ref stuffer, whole.Length);
            return Pop3Answer.MessageSent.Sent;
        }

        return await SendPiecewiseAsync(send).ConfigureAwait(false);
    }

    private async ValueTask<ReadOnlyMemory<byte>?> TakeAheadAsync(MessageEntry entry)
    {
        try
        {
            var whole = await _ahead.TakeAsync(_snapshot!, entry).ConfigureAwait(false);
            connection.WantsRest = _ahead.IsHolding;
            return whole;
        }
        catch (StoreUnavailableException)
        {
            // The ordinary way will say so, or succeed.
            return null;
        }
    }

    private void Finish(ref DotStuffer stuffer, long octets)
    {
        connection.Output.Advance(stuffer.Finish(connection.Output.GetSpan(8)));
        Messages++;
        services.Metrics.MessageSent(octets);
    }

    private async ValueTask<Pop3Answer?> SendPiecewiseAsync(Pop3Effect.SendMessage send)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ReadOctets, Math.Max(send.Entry.Octets, 512u)));
        try
        {
            var verdict = await SendPiecewiseAsync(send, buffer).ConfigureAwait(false);
            return verdict switch
            {
                null => Close(),
                SendVerdict.Sent => Pop3Answer.MessageSent.Sent,
                { } why => new Pop3Answer.MessageSent(why),
            };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>
    /// Null: the client is gone, or a body ended before its length and the connection must not look whole.
    /// </summary>
    private async ValueTask<SendVerdict?> SendPiecewiseAsync(Pop3Effect.SendMessage send, byte[] buffer)
    {
        var entry = send.Entry;
        int count;
        try
        {
            count = await services.Bodies.ReadMessageAsync(
                session.Mailbox, entry.Number, entry.Body, buffer, CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreUnavailableException e)
        {
            EdgeLog.StoreUnavailable(services.Log, e.Message);
            return SendVerdict.Unavailable;
        }

        if (count < 0)
        {
            return SendVerdict.Gone;
        }

        Write(session.MessageFollows(entry));
        var stuffer = new DotStuffer(entry.EndsLinesInCrLf);
        var limiter = new TopLimiter(send.BodyLines);
        long offset = 0;
        while (count > 0)
        {
            var take = limiter.Take(buffer.AsSpan(0, count));
            for (var from = 0; from < take;)
            {
                stuffer.Encode(
                    buffer.AsSpan(from, take - from), connection.Output.GetSpan(64), out var consumed, out var written);
                connection.Output.Advance(written);
                from += consumed;
                if (connection.Output.UnflushedBytes >= UnflushedMax && !await connection.FlushAsync()
                    .ConfigureAwait(false))
                {
                    return null;
                }
            }

            offset += count;
            if (limiter.IsDone || offset >= entry.Octets)
            {
                break;
            }

            try
            {
                count = await services.Bodies.ReadAsync(entry.Body, offset, buffer, CancellationToken.None)
                    .ConfigureAwait(false);
            }
            catch (StoreUnavailableException e)
            {
                EdgeLog.StoreUnavailable(services.Log, e.Message);
                return null;
            }
        }

        if (!limiter.IsDone && offset < entry.Octets)
        {
            return null;
        }

        Finish(ref stuffer, offset);
        return SendVerdict.Sent;
    }

    private async ValueTask<Pop3Answer?> StartTlsAsync()
    {
        connection.DropEarlyInput();
        if (!await connection.FlushAsync().ConfigureAwait(false))
        {
            return Close();
        }

        var isUp = await connection.HandshakeAsync(services.Certificates).ConfigureAwait(false);
        services.Metrics.Handshake(isUp);
        if (!isUp)
        {
            Ended = connection.Expired ?? ConnectionEndReason.TlsFailed;
            return null;
        }

        return new Pop3Answer.TlsStarted(connection.BindingFor(binding.Session.Mechanisms));
    }

    private async ValueTask<Pop3Answer?> EndAsync(ConnectionEndReason reason)
    {
        Ended = reason;
        await connection.FlushAsync().ConfigureAwait(false);
        return null;
    }

    private Pop3Answer? Close()
    {
        Ended = connection.Expired ?? ConnectionEndReason.ClientClosed;
        return null;
    }
}
