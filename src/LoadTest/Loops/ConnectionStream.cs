namespace MailCluster.LoadTest.Loops;

/// <summary>A connection as TLS wants it; only what TLS calls is there.</summary>
internal sealed class ConnectionStream(Connection connection) : Stream
{
    private const byte Alert = 21;

    private bool _hasBegun;

    /// <summary>
    /// The first record that came is an alert (RFC 8446 §6): the server turned the client away before a handshake.
    /// </summary>
    public bool BeganWithAlert { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _hasBegun ? connection.ReceiveRawAsync(buffer) : BeginAsync(buffer);

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!await connection.SendAsync(buffer))
        {
            throw new IOException("The connection is closed.");
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async ValueTask<int> BeginAsync(Memory<byte> buffer)
    {
        var count = await connection.ReceiveRawAsync(buffer);
        if (count > 0)
        {
            _hasBegun = true;
            BeganWithAlert = buffer.Span[0] == Alert;
        }

        return count;
    }
}
