using System.Buffers;
using MailCluster.Shared;
using MailCluster.Shared.Wire;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// What the loop needs of SMTP and POP3: a pure session behind a driver that carries out its effects.
/// </summary>
internal interface IProtocolDriver
{
    /// <summary>False while the session waits for an answer, or has ended.</summary>
    bool ExpectsLine { get; }

    /// <summary>Of the next line, CRLF included.</summary>
    int LineOctetsMax { get; }

    /// <summary>Why the session ended itself; null while it goes on.</summary>
    ConnectionEndReason? Ended { get; }

    /// <summary>False: nothing is lost when this client is sent away while the node drains.</summary>
    bool IsBusy { get; }

    long Commands { get; }

    /// <summary>Received (SMTP) or sent (POP3).</summary>
    long Messages { get; }

    long ProtocolErrors { get; }

    void Start(DateTimeOffset now);

    void Line(ReadOnlySpan<byte> line, DateTimeOffset now);

    void Fault(LineFault fault, DateTimeOffset now);

    void TimedOut(ConnectionEndReason why);

    void Drain();

    /// <summary>Writes the replies that need no asking. True: no effect is left.</summary>
    bool WriteReplies();

    /// <summary>Carries out all effects that are left, answers included. False: the connection is over.</summary>
    ValueTask<bool> RunEffectsAsync();

    /// <summary>The client pauses: give back what is held for speed only.</summary>
    void Rest();

    /// <summary>Gives back what an unfinished transaction holds.</summary>
    void Abandon();
}

/// <summary>
/// The loop of one connection: read, frame, step, write, flush. Replies of a pipelined batch leave in one flush, or
/// earlier when they fill a pipe; nothing is read while the client does not take its replies.
/// </summary>
internal sealed class ConnectionLoop(ClientConnection connection, IProtocolDriver driver, TimeProvider time)
{
    /// <summary>Unsent replies beyond this are flushed before the next command is taken.</summary>
    private const long UnflushedMax = 16 * 1024;

    /// <summary>How long an idle client outside a transaction is left alone once the node drains.</summary>
    private const long DrainGraceMilliseconds = 3_000;

    private LineFramer _framer;
    private bool _drainTold;

    public async Task<ConnectionEndReason> RunAsync()
    {
        driver.Start(time.GetUtcNow());
        while (true)
        {
            if (!driver.WriteReplies() && !await driver.RunEffectsAsync().ConfigureAwait(false))
            {
                return driver.Ended ?? connection.Expired ?? ConnectionEndReason.ClientClosed;
            }

            if (!await connection.FlushAsync().ConfigureAwait(false))
            {
                return connection.Expired ?? ConnectionEndReason.ClientClosed;
            }

            if (await ReadLinesAsync().ConfigureAwait(false) is { } reason)
            {
                return reason;
            }
        }
    }

    /// <summary>Takes input up to the first line that leaves an effect to carry out, or to its end.</summary>
    private async ValueTask<ConnectionEndReason?> ReadLinesAsync()
    {
        while (true)
        {
            var result = await connection.ReadAsync().ConfigureAwait(false);
            var buffer = result.Buffer;
            if (result.IsCanceled)
            {
                driver.Rest();
            }

            TellOfDrain();
            if (result.IsCanceled && (connection.Expired is not null || !WantsMore()))
            {
                connection.Input.AdvanceTo(buffer.Start);
                return await SayLastLineAsync().ConfigureAwait(false);
            }

            var progress = Step(ref buffer);
            // What is left of an unfinished line has been examined; what is left behind a question has not.
            connection.Input.AdvanceTo(buffer.Start, progress == Progress.NeedsInput ? buffer.End : buffer.Start);
            switch (progress)
            {
                case Progress.Question:
                    return null;
                case Progress.PipeFull:
                    if (!await connection.FlushAsync().ConfigureAwait(false))
                    {
                        return connection.Expired ?? ConnectionEndReason.ClientClosed;
                    }

                    continue;
                default:
                    if (result.IsCompleted)
                    {
                        return ConnectionEndReason.ClientClosed;
                    }

                    if (!await connection.FlushAsync().ConfigureAwait(false))
                    {
                        return connection.Expired ?? ConnectionEndReason.ClientClosed;
                    }

                    continue;
            }
        }
    }

    private enum Progress
    {
        NeedsInput,
        Question,
        PipeFull,
    }

    private Progress Step(ref ReadOnlySequence<byte> buffer)
    {
        var before = buffer.Length;
        var progress = Progress.NeedsInput;
        while (true)
        {
            var isComplete =
                _framer.TryRead(buffer, driver.LineOctetsMax, out var line, out var consumed, out var fault);
            if (isComplete)
            {
                Take(line, fault);
            }

            // After Take: the line is a view into the buffer.
            buffer = buffer.Slice(consumed);
            if (!isComplete)
            {
                break;
            }

            if (!driver.WriteReplies())
            {
                progress = Progress.Question;
                break;
            }

            if (connection.Output.UnflushedBytes >= UnflushedMax)
            {
                progress = Progress.PipeFull;
                break;
            }
        }

        if (before > buffer.Length)
        {
            // Only whole commands count: octets that trickle in without ever ending a line are no sign of life (V0002,
            // EV-04).
            connection.Received(before - buffer.Length);
        }

        return progress;
    }

    private void Take(in ReadOnlySequence<byte> line, LineFault fault)
    {
        var now = time.GetUtcNow();
        if (fault != LineFault.None)
        {
            driver.Fault(fault, now);
        }
        else if (line.IsSingleSegment)
        {
            driver.Line(line.FirstSpan, now);
        }
        else
        {
            // A line that straddles segments is copied; its limit bounds the copy.
            var length = (int)line.Length;
            var rented = ArrayPool<byte>.Shared.Rent(length);
            line.CopyTo(rented);
            driver.Line(rented.AsSpan(0, length), now);
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        }
    }

    /// <summary>Before the next line, whatever woke us: the wake-up itself may have met a body on its way.</summary>
    private void TellOfDrain()
    {
        if (connection.DrainRequested && !_drainTold)
        {
            _drainTold = true;
            driver.Drain();
        }
    }

    /// <summary>The drain woke us: false when this client is to be sent away now.</summary>
    private bool WantsMore() =>
        !connection.DrainRequested || driver.IsBusy || connection.IdleMilliseconds < DrainGraceMilliseconds;

    private async ValueTask<ConnectionEndReason?> SayLastLineAsync()
    {
        var why = connection.Expired ?? ConnectionEndReason.Draining;
        driver.TimedOut(why);
        await driver.RunEffectsAsync().ConfigureAwait(false);
        return why;
    }
}
