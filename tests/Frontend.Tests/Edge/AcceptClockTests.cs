using System.Buffers;
using System.IO.Pipelines;
using MailCluster.Frontend.Edge;
using MailCluster.Shared;
using Microsoft.AspNetCore.Connections;
using Xunit;

namespace MailCluster.Frontend.Tests.Edge;

/// <summary>What the clocks may do to a connection whose message is being committed (I1).</summary>
[Trait("Requirement", "OXSMTP-EV-18")]
public sealed class AcceptClockTests : IDisposable
{
    private const long LongAfter = 3_600_000;

    private readonly IdleClock _clock = new(TimeProvider.System);
    private readonly Transport _transport = new();
    private readonly ClientConnection _connection;

    public AcceptClockTests()
    {
        _connection = new ClientConnection(_transport, _clock, null, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public void A_connection_that_expires_while_a_message_is_accepted_is_hurried_and_not_cut()
    {
        var hurry = _connection.BeginAccept();
        Assert.False(hurry.IsCancellationRequested);
        _connection.Expire(ConnectionEndReason.ConnectionTimeout);
        Assert.True(hurry.IsCancellationRequested);
        _connection.Due(LongAfter);
        Assert.False(_transport.IsAborted);

        // The last line has its own time, counted from the answer.
        _connection.EndAccept();
        _connection.Due(_clock.ExactMilliseconds + 4_000);
        Assert.False(_transport.IsAborted);
        _connection.Due(LongAfter);
        Assert.True(_transport.IsAborted);
    }

    [Fact]
    public void A_drain_hurries_this_message_and_the_next()
    {
        var first = _connection.BeginAccept();
        _connection.RequestDrain();
        Assert.True(first.IsCancellationRequested);
        _connection.EndAccept();
        Assert.True(_connection.BeginAccept().IsCancellationRequested);
    }

    [Fact]
    public async Task The_answer_to_a_message_is_sent_although_the_connection_expired()
    {
        _connection.BeginAccept();
        _connection.Expire(ConnectionEndReason.ConnectionTimeout);
        _connection.EndAccept();
        _connection.Output.Write("250\r\n"u8);
        Assert.True(await _connection.FlushAsync());
        Assert.True(_transport.ToClient.Reader.TryRead(out var read));
        Assert.Equal(5, read.Buffer.Length);
    }

    public void Dispose() => _clock.Dispose();

    private sealed class Transport : DefaultConnectionContext
    {
        private readonly Pipe _toServer = new();

        public Transport()
        {
            Transport = new Ends(_toServer.Reader, ToClient.Writer);
        }

        public Pipe ToClient { get; } = new();

        public bool IsAborted { get; private set; }

        public override void Abort(ConnectionAbortedException abortReason) => IsAborted = true;
    }

    private sealed record Ends(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
