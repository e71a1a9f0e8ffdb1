using System.Buffers;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Mime;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Wire;

namespace MailCluster.Frontend.Edge;

/// <summary>How the reading of a body ended.</summary>
internal enum ReceiveEnd
{
    /// <summary>Data to its final dot, or the whole chunk.</summary>
    Complete,

    /// <summary>The client went away.</summary>
    ClientClosed,

    /// <summary>A clock ran out.</summary>
    Expired,
}

/// <summary>
/// Takes one message off the wire: a head in memory, everything behind it staged in chunks while it arrives. Whatever
/// the size, a connection holds one head and one chunk (I8).
/// </summary>
internal sealed class BodySpool : IDisposable
{
    private const int FirstHeadOctets = 4 * 1024;

    private readonly ClientConnection _connection;
    private readonly BodyStaging _staging;
    private readonly long _octetsMax;
    private readonly int _traceOctets;
    private readonly bool _isDotStuffed;
    private readonly bool _isBinary;
    private readonly bool _isUtf8;
    private readonly bool _hasUtf8Trace;
    private readonly HeaderScanner _headers;
    private DotUnstuffer _dots;
    private WireOctetCounter _wire;
    private byte[] _head = ArrayPool<byte>.Shared.Rent(FirstHeadOctets);
    private int _headLength;
    private byte[]? _chunk;
    private int _chunkLength;
    private int _chunks;
    private long _octets;
    private long _inserted;
    private BodyFault _fault;
    private bool _isDropping;
    private int _carry = -1;

    // The trace ends in CRLF, so an empty message is finished too.
    private bool _endsInCrLf = true;
    private bool _endsInCr;

    /// <param name="trace">Our own header fields, which stand before the client's octets.</param>
    /// <param name="transaction">
    /// Its OctetsMax counts the client's octets; what goes beyond is read and dropped.
    /// </param>
    public BodySpool(
        ClientConnection connection, BodyStaging staging, ReadOnlySpan<byte> trace, SmtpTransaction transaction,
        bool isDotStuffed, HeaderScanner headers)
    {
        _connection = connection;
        _staging = staging;
        _octetsMax = transaction.OctetsMax;
        _isBinary = transaction.Body == SmtpBodyKind.BinaryMime;
        _isUtf8 = transaction.SmtpUtf8;
        _hasUtf8Trace = !System.Text.Ascii.IsValid(trace);
        _isDotStuffed = isDotStuffed;
        _headers = headers;
        Append(trace);
        _wire.Add(trace);
        _traceOctets = trace.Length;
    }

    public BodyId Body => _staging.Body;

    /// <summary>The beginning of the message with our trace header; valid until disposal.</summary>
    public ReadOnlyMemory<byte> Head => _head.AsMemory(0, _headLength);

    /// <summary>Octets of the trace at the beginning of <see cref="Head"/>.</summary>
    public int TraceOctets => _traceOctets;

    public int Chunks => _chunks;

    /// <summary>As stored: trace and message.</summary>
    public long StoredOctets => _traceOctets + _octets;

    public MessageTraits Traits =>
        (_isBinary ? MessageTraits.Binary : MessageTraits.None)
        | (_isUtf8 && (_hasUtf8Trace || _headers.HasNonAscii) ? MessageTraits.Utf8Header : MessageTraits.None);

    /// <summary>
    /// What RETR sends before dot-stuffing: every line, or of a binary body the last one, gets its CRLF.
    /// </summary>
    public uint WireOctets => (uint)Math.Min(
        uint.MaxValue, _isBinary ? StoredOctets + (_endsInCrLf ? 0 : 2) : _wire.Total(finish: true) + _inserted);

    private bool IsFaulty => _fault != BodyFault.None;

    public bool HasDate => _headers.HasDate;

    public bool HasMessageId => _headers.HasMessageId;

    public BodySummary Summary =>
        new(_octets, _headers.HeaderOctets, _headers.ReceivedFields, _headers.LocalReceivedFields, _fault);

    /// <summary>Reads DATA up to and with CRLF.CRLF.</summary>
    public async ValueTask<ReceiveEnd> ReceiveDataAsync()
    {
        while (true)
        {
            var result = await _connection.ReadAsync().ConfigureAwait(false);
            var buffer = result.Buffer;
            if (_connection.Expired is not null)
            {
                _connection.Input.AdvanceTo(buffer.Start);
                return ReceiveEnd.Expired;
            }

            var position = TakeAll(buffer, long.MaxValue, out var taken, out var isEnd);
            _connection.Received(taken);
            _connection.Input.AdvanceTo(position);
            if (isEnd)
            {
                await FinishAsync().ConfigureAwait(false);
                return ReceiveEnd.Complete;
            }

            if (result.IsCompleted && taken == buffer.Length)
            {
                return ReceiveEnd.ClientClosed;
            }

            await StageWhenFullAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Reads exactly one BDAT chunk (RFC 3030 §2).</summary>
    public async ValueTask<ReceiveEnd> ReceiveChunkAsync(long octets, bool isLast)
    {
        while (octets > 0)
        {
            var result = await _connection.ReadAsync().ConfigureAwait(false);
            var buffer = result.Buffer;
            if (_connection.Expired is not null)
            {
                _connection.Input.AdvanceTo(buffer.Start);
                return ReceiveEnd.Expired;
            }

            var position = TakeAll(buffer, octets, out var taken, out _);
            octets -= taken;
            _connection.Received(taken);
            _connection.Input.AdvanceTo(position);
            if (octets > 0 && result.IsCompleted && taken == buffer.Length)
            {
                return ReceiveEnd.ClientClosed;
            }

            await StageWhenFullAsync().ConfigureAwait(false);
        }

        if (isLast)
        {
            await FinishAsync().ConfigureAwait(false);
        }

        return ReceiveEnd.Complete;
    }

    /// <summary>Reads a chunk that nobody wants (its error is told after it, RFC 3030 §2).</summary>
    public static async ValueTask<ReceiveEnd> DropAsync(ClientConnection connection, long octets)
    {
        while (octets > 0)
        {
            var result = await connection.ReadAsync().ConfigureAwait(false);
            var buffer = result.Buffer;
            var taken = connection.Expired is null ? Math.Min(octets, buffer.Length) : 0;
            connection.Input.AdvanceTo(buffer.GetPosition(taken));
            if (connection.Expired is not null)
            {
                return ReceiveEnd.Expired;
            }

            octets -= taken;
            connection.Received(taken);
            if (octets > 0 && result.IsCompleted && taken == buffer.Length)
            {
                return ReceiveEnd.ClientClosed;
            }
        }

        return ReceiveEnd.Complete;
    }

    /// <summary>
    /// Puts more of our own header fields behind the trace: what a submission server adds (RFC 6409 §8).
    /// </summary>
    public void InsertAfterTrace(ReadOnlySpan<byte> fields)
    {
        var longer = ArrayPool<byte>.Shared.Rent(_headLength + fields.Length);
        _head.AsSpan(0, _traceOctets).CopyTo(longer);
        fields.CopyTo(longer.AsSpan(_traceOctets));
        _head.AsSpan(_traceOctets, _headLength - _traceOctets).CopyTo(longer.AsSpan(_traceOctets + fields.Length));
        ArrayPool<byte>.Shared.Return(_head);
        _head = longer;
        _headLength += fields.Length;
        _octets += fields.Length;
        _inserted += fields.Length;
    }

    /// <summary>The staged chunks go; the buffers go with <see cref="Dispose"/>.</summary>
    public void Discard()
    {
        if (_chunks > 0)
        {
            _staging.Discard();
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_head);
        _head = [];
        _headLength = 0;
        ReturnChunk();
    }

    private SequencePosition TakeAll(ReadOnlySequence<byte> buffer, long most, out long taken, out bool isEnd)
    {
        taken = 0;
        isEnd = false;
        foreach (var segment in buffer)
        {
            var span = segment.Span;
            if (span.Length > most - taken)
            {
                span = span[..(int)(most - taken)];
            }

            while (span.Length > 0 && !isEnd)
            {
                var room = Room();
                if (room.IsEmpty)
                {
                    return buffer.GetPosition(taken);
                }

                isEnd = Take(span, room, out var consumed);
                span = span[consumed..];
                taken += consumed;
            }

            if (isEnd || taken == most)
            {
                break;
            }
        }

        return buffer.GetPosition(taken);
    }

    /// <summary>
    /// Decodes into the room there is; when there is too little for the decoder, octet by octet through a carry.
    /// </summary>
    private bool Take(ReadOnlySpan<byte> input, Span<byte> room, out int consumed)
    {
        if (!_isDotStuffed)
        {
            consumed = Math.Min(input.Length, room.Length);
            input[..consumed].CopyTo(room);
            Keep(room[..consumed]);
            return false;
        }

        if (room.Length > 2)
        {
            var isEnd =
                _dots.Decode(input[..Math.Min(input.Length, room.Length - 2)], room, out consumed, out var written);
            Keep(room[..written]);
            return isEnd;
        }

        Span<byte> scratch = stackalloc byte[4];
        var ended = _dots.Decode(input[..1], scratch, out consumed, out var few);
        var fits = Math.Min(few, room.Length);
        scratch[..fits].CopyTo(room);
        Keep(room[..fits]);
        if (few > fits)
        {
            // One octet at most: a CR that was held back and the octet behind it.
            _carry = scratch[fits];
        }

        return ended;
    }

    private void Keep(ReadOnlySpan<byte> octets)
    {
        if (octets.IsEmpty)
        {
            return;
        }

        _octets += octets.Length;
        _headers.Add(octets);
        if (_isDropping || IsFaulty)
        {
            return;
        }

        if (_octets > _octetsMax || _octets > uint.MaxValue - (64 * 1024))
        {
            // It will be refused at its end (552 5.3.4); until then it is read and counted only.
            _isDropping = true;
            Discard();
            return;
        }

        _wire.Add(octets);
        _endsInCrLf = octets[^1] == (byte)'\n' && (octets.Length > 1 ? octets[^2] == (byte)'\r' : _endsInCr);
        _endsInCr = octets[^1] == (byte)'\r';
        if (_chunk is null)
        {
            _headLength += octets.Length;
        }
        else
        {
            _chunkLength += octets.Length;
        }
    }

    /// <summary>Where the next octets go; empty: stage the chunk first.</summary>
    private Span<byte> Room()
    {
        if (_isDropping || IsFaulty)
        {
            _chunk ??= ArrayPool<byte>.Shared.Rent(BodyLayout.ChunkOctets);
            return _chunk.AsSpan(0, BodyLayout.ChunkOctets);
        }

        if (_chunk is null)
        {
            if (_headLength == BodyLayout.HeadOctetsMax)
            {
                _chunk = ArrayPool<byte>.Shared.Rent(BodyLayout.ChunkOctets);
                return ChunkRoom();
            }

            if (_headLength == _head.Length)
            {
                GrowHead();
            }

            return _head.AsSpan(_headLength, Math.Min(_head.Length, BodyLayout.HeadOctetsMax) - _headLength);
        }

        return ChunkRoom();
    }

    private Span<byte> ChunkRoom()
    {
        if (_carry >= 0 && _chunkLength == 0)
        {
            _chunk![0] = (byte)_carry;
            _carry = -1;
            Keep(_chunk.AsSpan(0, 1));
        }

        return _chunk.AsSpan(_chunkLength, BodyLayout.ChunkOctets - _chunkLength);
    }

    private void GrowHead()
    {
        var longer = ArrayPool<byte>.Shared.Rent(Math.Min(_head.Length * 4, BodyLayout.HeadOctetsMax));
        _head.AsSpan(0, _headLength).CopyTo(longer);
        ArrayPool<byte>.Shared.Return(_head);
        _head = longer;
    }

    private void Append(ReadOnlySpan<byte> octets)
    {
        while (_head.Length < octets.Length)
        {
            GrowHead();
        }

        octets.CopyTo(_head);
        _headLength = octets.Length;
    }

    private ValueTask StageWhenFullAsync() =>
        _chunkLength == BodyLayout.ChunkOctets && !_isDropping ? StageAsync() : ValueTask.CompletedTask;

    private async ValueTask FinishAsync()
    {
        if (_carry >= 0 && !_isDropping && !IsFaulty)
        {
            Room();
        }

        if (_chunkLength > 0 && !_isDropping)
        {
            await StageAsync().ConfigureAwait(false);
        }

        ReturnChunk();
    }

    private async ValueTask StageAsync()
    {
        if (!IsFaulty)
        {
            var outcome =
                await _staging.StageAsync(_chunks + 1, _chunk.AsMemory(0, _chunkLength), CancellationToken.None)
                .ConfigureAwait(false);
            _chunks++;
            _fault = outcome switch
            {
                CommitOutcome.Committed => BodyFault.None,
                CommitOutcome.OutOfSpace => BodyFault.OutOfResources,
                _ => BodyFault.Unavailable,
            };
        }

        _chunkLength = 0;
    }

    private void ReturnChunk()
    {
        if (_chunk is not null)
        {
            ArrayPool<byte>.Shared.Return(_chunk);
            _chunk = null;
        }
    }
}
