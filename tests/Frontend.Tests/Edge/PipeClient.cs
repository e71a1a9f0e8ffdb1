using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Text;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>
/// A client and the real loop behind it on pipes that run everything on the caller's thread, so that what a command
/// costs can be counted.
/// </summary>
internal sealed class PipeClient
{
    private static readonly PipeOptions Inline = new(
        readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);

    private static long _connections;

    private readonly Pipe _toServer = new(Inline);
    private readonly Pipe _toClient = new(Inline);
    private readonly Task<ConnectionEndReason> _loop;

    private PipeClient(
        RunningNode node, Func<ClientConnection, EdgeServices, IProtocolDriver> open, BindingEdge? edge = null,
        IdleClock? clock = null, IPAddress? source = null)
    {
        var services = node.Node.Services.GetRequiredService<EdgeServices>();
        var transport = new DefaultConnectionContext(
            "test", new Ends(_toServer.Reader, _toClient.Writer), new Ends(_toClient.Reader, _toServer.Writer))
        {
            RemoteEndPoint = new IPEndPoint(source ?? IPAddress.Loopback, 1),
            LocalEndPoint = new IPEndPoint(IPAddress.Loopback, 2),
        };
        var connection = new ClientConnection(
            transport, clock ?? node.Node.Services.GetRequiredService<IdleClock>(), edge?.ConnectionTimeout,
            edge?.InactivityTimeout ?? TimeSpan.FromMinutes(5))
        {
            Id = Interlocked.Decrement(ref _connections),
        };
        _loop = new ConnectionLoop(connection, open(connection, services), TimeProvider.System).RunAsync();
    }

    public Task<ConnectionEndReason> Ended => _loop;

    /// <summary>Without limits of its source and without the wait for errors.</summary>
    public static PipeClient Smtp(RunningNode node, int maxProtocolErrors = 5)
    {
        var options = node.Node.Options.Smtp.Bindings[0] with
        {
            MaxProtocolErrors = maxProtocolErrors,
            MessageRateLimit = null,
            TarpitInterval = TimeSpan.Zero,
            AuthTarpitInterval = TimeSpan.Zero,
        };
        var sasl = node.Node.Services.GetRequiredService<SaslOffer>();
        return Smtp(node, EdgeEndpoints.Smtp(options, "mx.example.test", sasl, canTls: false), null);
    }

    /// <summary>With the clocks of the binding, on a clock of its own.</summary>
    public static PipeClient Smtp(RunningNode node, SmtpBinding binding, IdleClock? clock, IPAddress? source = null) =>
        new(
            node,
            (connection, services) => new SmtpDriver(
                connection, new SmtpSession(binding.Session, new SmtpConnection("127.0.0.1", null)), binding, services),
            clock is null ? null : binding.Edge,
            clock,
            source);

    public static PipeClient Pop3(RunningNode node) => Pop3(node, null);

    /// <summary>With the clocks of the binding, on a clock of its own.</summary>
    public static PipeClient Pop3(
        RunningNode node, IdleClock? clock, Func<Pop3Options, Pop3Options>? change = null, IPAddress? source = null)
    {
        var pop3 = node.Node.Options.Pop3 with { LoginType = LoginType.PlainTextLogin };
        var all = node.Node.Options with { Pop3 = change?.Invoke(pop3) ?? pop3 };
        var sasl = node.Node.Services.GetRequiredService<SaslOffer>();
        var binding = EdgeEndpoints.Pop3(
            all.Pop3.Bindings[0], all, sasl, canTls: false, new ConnectionPlaces(null));
        return new(
            node,
            (connection, services) =>
                new Pop3Driver(connection, new Pop3Session(binding.Session, isTlsActive: false), binding, services),
            clock is null ? null : binding.Edge,
            clock,
            source);
    }

    /// <summary>Sends octets and takes whatever came back by then, without making anything.</summary>
    /// <returns>Octets of the replies.</returns>
    public async ValueTask<long> ExchangeAsync(ReadOnlyMemory<byte> octets)
    {
        _toServer.Writer.Write(octets.Span);
        await _toServer.Writer.FlushAsync();
        return Take();
    }

    /// <summary>Sends a packet.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> octets) => await _toServer.Writer.WriteAsync(octets);

    /// <summary>Waits for so many whole replies (RFC 5321 §4.2), not more.</summary>
    public async Task<string> ReadRepliesAsync(int count)
    {
        while (true)
        {
            var result = await _toClient.Reader.ReadAsync();
            var text = Encoding.UTF8.GetString(result.Buffer);
            var whole = text.Split("\r\n")[..^1].Count(line => line is [_, _, _, ' ', ..]);
            if (whole >= count)
            {
                Assert.Equal(count, whole);
                _toClient.Reader.AdvanceTo(result.Buffer.End);
                await Task.Yield();
                return text;
            }

            Assert.False(_loop.IsCompleted && whole == 0 && result.Buffer.IsEmpty, "The connection ended.");
            _toClient.Reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Says that no more comes, waits for the end and gives all that was said.</summary>
    public async Task<string> FinishAsync()
    {
        await _toServer.Writer.CompleteAsync();
        await _loop;
        return _toClient.Reader.TryRead(out var result) ? Encoding.UTF8.GetString(result.Buffer) : "";
    }

    /// <summary>Sends a line and waits for a reply that ends as told.</summary>
    public async Task<string> AskAsync(string line, string end = "\r\n")
    {
        await _toServer.Writer.WriteAsync(Encoding.UTF8.GetBytes(line + "\r\n"));
        return await ReadAsync(end);
    }

    public async Task<string> ReadAsync(string end = "\r\n")
    {
        while (true)
        {
            var result = await _toClient.Reader.ReadAsync();
            var text = Encoding.UTF8.GetString(result.Buffer);
            if (text.EndsWith(end, StringComparison.Ordinal))
            {
                _toClient.Reader.AdvanceTo(result.Buffer.End);
                // Off the loop's own stack, which is still inside the flush that woke us.
                await Task.Yield();
                return text;
            }

            Assert.False(result.IsCompleted, $"The connection ended after: {text}");
            _toClient.Reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>
    /// Until the loop waits for input on its pipe, so that the next exchange runs on the caller's thread.
    /// </summary>
    public async Task SettleAsync()
    {
        for (var inARow = 0; inARow < 3;)
        {
            if (await ExchangeAsync("NOOP\r\n"u8.ToArray()) > 0)
            {
                inARow++;
                continue;
            }

            inARow = 0;
            await ReadAsync();
        }
    }

    /// <summary>Sends octets and does not wait for anything.</summary>
    public async Task SendAsync(string octets)
    {
        await _toServer.Writer.WriteAsync(Encoding.UTF8.GetBytes(octets));
    }

    /// <summary>What came back by now, as text.</summary>
    public string TakeText()
    {
        if (!_toClient.Reader.TryRead(out var result))
        {
            return string.Empty;
        }

        var text = Encoding.UTF8.GetString(result.Buffer);
        _toClient.Reader.AdvanceTo(result.Buffer.End);
        return text;
    }

    private long Take()
    {
        long octets = 0;
        while (_toClient.Reader.TryRead(out var result))
        {
            octets += result.Buffer.Length;
            _toClient.Reader.AdvanceTo(result.Buffer.End);
            if (result.Buffer.IsEmpty)
            {
                break;
            }
        }

        return octets;
    }

    internal sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
