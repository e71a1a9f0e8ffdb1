using System.Threading.Tasks.Sources;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

/// <summary>One read, run on a reader thread; its continuation goes to the pool.</summary>
internal abstract class ReadWork
{
    public abstract void Run(Database database);

    public abstract void Fail(Exception why);

    protected static Exception Translate(Exception why) =>
        why is SqliteFault ? new StoreUnavailableException(why.Message, why) : why;
}

/// <summary>A read with an answer of its own, for what is not done per message.</summary>
internal sealed class ReadWork<TResult>(Func<Database, TResult> read, CancellationToken cancellationToken) : ReadWork
{
    private readonly TaskCompletionSource<TResult> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TResult> Completion => _completion.Task;

    public override void Run(Database database)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _completion.TrySetResult(read(database));
    }

    public override void Fail(Exception why) => _completion.TrySetException(Translate(why));
}

/// <summary>A piece of a body. Pooled: reading a message in pieces allocates nothing.</summary>
internal sealed class BodyRead(BodyReadPool pool) : ReadWork, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _core = new() { RunContinuationsAsynchronously = true };
    private long _mailbox;
    private long _number;
    private long _body;
    private long _offset;
    private ReadOnlyMemory<MessageEntry> _ahead;
    private Memory<byte> _destination;
    private CancellationToken _cancellationToken;

    public short Version => _core.Version;

    /// <param name="mailbox">0: the body alone, whatever message refers to it.</param>
    public void Set(
        long mailbox, long number, long body, long offset, Memory<byte> destination,
            CancellationToken cancellationToken)
    {
        _mailbox = mailbox;
        _number = number;
        _body = body;
        _offset = offset;
        _destination = destination;
        _cancellationToken = cancellationToken;
    }

    /// <param name="ahead">Messages to read whole.</param>
    public void Set(
        long mailbox, ReadOnlyMemory<MessageEntry> ahead, Memory<byte> destination, CancellationToken cancellationToken)
    {
        _mailbox = mailbox;
        _ahead = ahead;
        _destination = destination;
        _cancellationToken = cancellationToken;
    }

    public override void Run(Database database)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        if (!_ahead.IsEmpty)
        {
            _core.SetResult(BodyReader.ReadAhead(database, _mailbox, _ahead.Span, _destination.Span));
            return;
        }

        _core.SetResult(_mailbox == 0
            ? BodyReader.Read(database, _body, _offset, _destination.Span)
            : BodyReader.ReadMessage(database, _mailbox, _number, _body, _destination.Span));
    }

    public override void Fail(Exception why) => _core.SetException(Translate(why));

    public int GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            _destination = default;
            _ahead = default;
            _cancellationToken = default;
            pool.Return(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}

/// <summary>Requests that are free; more than the bound are left to the collector.</summary>
internal sealed class BodyReadPool
{
    private const int FreeMax = 1024;

    private readonly Lock _gate = new();
    private readonly Stack<BodyRead> _free = [];

    public BodyRead Rent()
    {
        lock (_gate)
        {
            if (_free.TryPop(out var read))
            {
                return read;
            }
        }

        return new BodyRead(this);
    }

    public void Return(BodyRead read)
    {
        lock (_gate)
        {
            if (_free.Count < FreeMax)
            {
                _free.Push(read);
            }
        }
    }
}
