using System.Buffers;
using System.Globalization;
using System.Runtime.CompilerServices;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared;
using MailCluster.Shared.Mime;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Wire;

namespace MailCluster.Frontend.Edge;

/// <summary>Carries out what an SMTP session asks for. One per connection.</summary>
internal sealed class SmtpDriver(
    ClientConnection connection, SmtpSession session, SmtpBinding binding, EdgeServices services)
    : IProtocolDriver
{
    private const string Protocol = "smtp";

    private readonly List<SmtpEffect> _effects = new(4);
    private readonly LogonGuard _logons = new(connection, services.Limits.Logons);
    private int _next;
    private BodySpool? _body;
    private SmtpGreetingRefusal? _refusal;
    private bool _isOwing;
    private ContextSlot? _context;

    public bool ExpectsLine => session.Expects == SmtpExpects.Line;

    public int LineOctetsMax => session.LineOctetsMax;

    public ConnectionEndReason? Ended { get; private set; }

    public bool IsBusy => session.InTransaction;

    public long Commands { get; private set; }

    public long Messages { get; private set; }

    public long ProtocolErrors => session.ProtocolErrors;

    /// <summary>Instead of the greeting, say why not.</summary>
    public void Refuse(SmtpGreetingRefusal why) => _refusal = why;

    /// <summary>The greeting waits: the client has an error of an earlier connection to wait for.</summary>
    public void Owe() => _isOwing = true;

    public void Start(DateTimeOffset now)
    {
        if (_refusal is { } why)
        {
            session.RefusedGreeting(why, _effects);
        }
        else
        {
            session.Start(now, _effects, _isOwing);
        }
    }

    public void Line(ReadOnlySpan<byte> line, DateTimeOffset now)
    {
        Commands++;
        session.IsShortOfResources = services.Resources.IsShort;
        session.IsStoreAway = services.IsStoreAway;
        session.Line(line, now, _effects);
        NoteLogon();
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
            if (_effects[_next] is not SmtpEffect.Reply reply)
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
                SmtpEffect.Hold hold => await HoldAsync(hold.Interval).ConfigureAwait(false),
                SmtpEffect.TakeMessage take => await TakeMessageAsync(take.User).ConfigureAwait(false),
                SmtpEffect.ResolveRecipient resolve => await ResolveAsync(resolve).ConfigureAwait(false),
                SmtpEffect.ReceiveData receive => await ReceiveDataAsync(receive.Transaction).ConfigureAwait(false),
                SmtpEffect.ReceiveChunk receive => await ReceiveChunkAsync(receive).ConfigureAwait(false),
                SmtpEffect.AcceptMessage accept => await AcceptAsync(accept.Transaction).ConfigureAwait(false),
                SmtpEffect.Authenticate ask => await AuthenticateAsync(ask.Question).ConfigureAwait(false),
                SmtpEffect.StartTls => await StartTlsAsync().ConfigureAwait(false),
                SmtpEffect.DiscardBody => Discard(),
                SmtpEffect.End end => await EndAsync(end.Reason).ConfigureAwait(false),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            if (Ended is not null)
            {
                return false;
            }

            if (answer is not null)
            {
                session.Answer(answer, services.Time.GetUtcNow(), _effects);
                NoteLogon();
                LeaveContext();
            }
        }

        return true;
    }

    public void Rest()
    {
    }

    public void Abandon()
    {
        _context?.Dispose();
        Discard();
    }

    /// <summary>An exchange that is over, however it ended, leaves no security context behind.</summary>
    private void LeaveContext()
    {
        if (session.State != SmtpStates.Sasl)
        {
            _context?.Dispose();
        }
    }

    private void Write(SmtpReply reply)
    {
        connection.Output.Write(reply.Wire.Span);
        services.Metrics.Replied(Protocol, reply.Code switch { < 300 => "2", < 400 => "3", < 500 => "4", _ => "5" });
    }

    private async ValueTask<SmtpAnswer?> HoldAsync(TimeSpan interval)
    {
        if (_effects[_next] is SmtpEffect.Reply { Value.Code: >= 400 })
        {
            services.Metrics.Held();
            services.Limits.OweTarpit(connection.Source);
        }

        return await connection.HoldAsync(interval).ConfigureAwait(false) ? null : GiveUpWaiting();
    }

    /// <summary>The held reply gives way to the last line.</summary>
    private SmtpAnswer? GiveUpWaiting()
    {
        if (connection.Expired is not { } why)
        {
            return Close(ConnectionEndReason.ClientClosed);
        }

        TimedOut(why);
        return null;
    }

    private async ValueTask<SmtpAnswer?> AuthenticateAsync(SaslStep.Question question) =>
        await _logons.EnterAsync(question).ConfigureAwait(false) switch
        {
            LogonGate.Open => new SmtpAnswer.Sasl(
                await services.Logins.AskAsync(Protocol, question, _context ??= new()).ConfigureAwait(false)),
            LogonGate.Shut => new SmtpAnswer.Sasl(new SaslAnswer.Unavailable()),
            _ => GiveUpWaiting(),
        };

    private void NoteLogon()
    {
        _logons.Note(session.LogonFailures);
        if (session.User is not null)
        {
            _logons.Succeeded();
        }
    }

    private async ValueTask<SmtpAnswer?> TakeMessageAsync(SaslIdentity? user)
    {
        var key = binding.Edge.Sources.MessageRateSource switch
        {
            MessageRateSource.All => RateKey.All,
            MessageRateSource.User when user is not null => RateKey.Of(user.Account),
            _ => RateKey.Of(connection.Source),
        };
        var verdict = await services.Limits
            .TakeMessageAsync(binding.Edge.Scope, key, binding.Edge.Sources.MessagesPerMinute).ConfigureAwait(false);
        return verdict switch
        {
            RateVerdict.Taken => SmtpAnswer.MessageTaken.Within,
            RateVerdict.Exceeded => new SmtpAnswer.MessageTaken(MessageRate.Exceeded),
            _ when binding.Edge.Sources.WhenUnreachable == LimitFallback.Admit => SmtpAnswer.MessageTaken.Within,
            _ => new SmtpAnswer.MessageTaken(MessageRate.Unknown),
        };
    }

    private async ValueTask<SmtpAnswer?> ResolveAsync(SmtpEffect.ResolveRecipient asked)
    {
        var path = asked.Path;
        RecipientVerdict verdict;
        try
        {
            verdict = await services.Directory.ResolveAsync(path.LocalPart, path.Domain, CancellationToken.None)
                .ConfigureAwait(false);
            if (verdict is RecipientVerdict.Local local)
            {
                verdict = await services.Quotas.CheckAsync(local, asked.DeclaredOctets, CancellationToken.None)
                    .ConfigureAwait(false);
            }
        }
        catch (StoreUnavailableException e)
        {
            EdgeLog.StoreUnavailable(services.Log, e.Message);
            verdict = new RecipientVerdict.Unavailable();
        }

        return new SmtpAnswer.Recipient(verdict);
    }

    private async ValueTask<SmtpAnswer?> ReceiveDataAsync(SmtpTransaction transaction)
    {
        if (!await connection.FlushAsync().ConfigureAwait(false))
        {
            return Close(connection.Expired ?? ConnectionEndReason.ClientClosed);
        }

        _body = NewBody(transaction, isDotStuffed: true);
        return Received(await _body.ReceiveDataAsync().ConfigureAwait(false));
    }

    private async ValueTask<SmtpAnswer?> ReceiveChunkAsync(SmtpEffect.ReceiveChunk chunk)
    {
        if (!chunk.Keep)
        {
            var dropped = await BodySpool.DropAsync(connection, chunk.Octets).ConfigureAwait(false);
            return dropped == ReceiveEnd.Complete ? SmtpAnswer.ChunkDropped.Instance : Received(dropped);
        }

        _body ??= NewBody(chunk.Transaction, isDotStuffed: false);
        return Received(await _body.ReceiveChunkAsync(chunk.Octets, chunk.Last).ConfigureAwait(false));
    }

    private SmtpAnswer? Received(ReceiveEnd end)
    {
        switch (end)
        {
            case ReceiveEnd.Complete:
                return new SmtpAnswer.BodyReceived(_body!.Summary);
            case ReceiveEnd.Expired:
                // The session says 421 and ends; what it says next is in the effects.
                TimedOut(connection.Expired!.Value);
                return null;
            default:
                return Close(ConnectionEndReason.ClientClosed);
        }
    }

    private BodySpool NewBody(SmtpTransaction transaction, bool isDotStuffed)
    {
        var staging = services.NewStaging();
        var trace = new ArrayBufferWriter<byte>(512);
        TraceHeaders.Write(trace, transaction, new TraceFacts(
            binding.Session.HostName, EdgeText.Of(connection.Remote.Address), QueueId(staging.Body), session.Tls,
            services.Time.GetUtcNow()));
        return new BodySpool(
            connection, staging, trace.WrittenSpan, transaction, isDotStuffed, new HeaderScanner(services.NodeNames));
    }

    private async ValueTask<SmtpAnswer?> AcceptAsync(SmtpTransaction transaction)
    {
        var body = _body!;
        _body = null;
        if (binding.Session.Role == Shared.Smtp.SmtpRole.Submission && !(body.HasDate && body.HasMessageId))
        {
            body.InsertAfterTrace(MissingFields(body));
        }

        AcceptVerdict verdict;
        var whole = services.Time.GetTimestamp();
        try
        {
            verdict = await services.Acceptor.AcceptAsync(
                new AcceptedMessage(
                    body.Body, body.Head, body.StoredOctets, body.Chunks, body.WireOctets, transaction, body.Traits),
                binding.MaxAcknowledgementDelay, connection.BeginAccept()).ConfigureAwait(false);
        }
        catch (StoreUnavailableException e)
        {
            EdgeLog.StoreUnavailable(services.Log, e.Message);
            verdict = AcceptVerdict.Unavailable;
        }
        finally
        {
            connection.EndAccept();
        }

        services.Overload.NoteCommit(services.Time.GetElapsedTime(whole));
        services.Metrics.MessageReceived(verdict == AcceptVerdict.Committed, body.StoredOctets);
        if (verdict == AcceptVerdict.Committed)
        {
            Messages++;
        }
        else
        {
            body.Discard();
        }

        var id = QueueId(body.Body);
        body.Dispose();
        return new SmtpAnswer.Accepted(verdict, id);
    }

    private ReadOnlySpan<byte> MissingFields(BodySpool body)
    {
        var fields = new ArrayBufferWriter<byte>(128);
        if (!body.HasDate)
        {
            TraceHeaders.WriteDate(fields, services.Time.GetUtcNow());
        }

        if (!body.HasMessageId)
        {
            TraceHeaders.WriteMessageId(fields, QueueId(body.Body), binding.Session.HostName);
        }

        return fields.WrittenSpan;
    }

    private async ValueTask<SmtpAnswer?> StartTlsAsync()
    {
        connection.DropEarlyInput();
        if (!await connection.FlushAsync().ConfigureAwait(false))
        {
            return Close(connection.Expired ?? ConnectionEndReason.ClientClosed);
        }

        var isUp = await connection.HandshakeAsync(services.Certificates).ConfigureAwait(false);
        services.Metrics.Handshake(isUp);
        return isUp
            ? new SmtpAnswer.TlsStarted(
                connection.Tls!.Protocol, connection.Tls.CipherSuite,
                connection.BindingFor(binding.Session.AuthMechanisms))
            : Close(connection.Expired ?? ConnectionEndReason.TlsFailed);
    }

    private SmtpAnswer? Discard()
    {
        _body?.Discard();
        _body?.Dispose();
        _body = null;
        return null;
    }

    private async ValueTask<SmtpAnswer?> EndAsync(ConnectionEndReason reason)
    {
        Ended = reason;
        await connection.FlushAsync().ConfigureAwait(false);
        return null;
    }

    private SmtpAnswer? Close(ConnectionEndReason reason)
    {
        Ended = reason;
        return null;
    }

    /// <summary>What an administrator finds in the 250, in Received: and in the log.</summary>
    private static string QueueId(BodyId body) => body.Value.ToString("X", CultureInfo.InvariantCulture);
}
