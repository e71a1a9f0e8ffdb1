using MailCluster.Actors.Storage;

namespace MailCluster.Storage.Sqlite;

/// <summary>A write that is not a unit of the actors: a directory change, a sweep. Its own transaction, in the
/// order of the lane.</summary>
internal abstract class WriterWork
{
    /// <summary>True when rows of mailboxes may change that the writer remembers.</summary>
    public virtual bool TouchesMailboxes => false;

    public abstract void Run(Database database);

    public abstract void Committed();

    public abstract void Failed(Exception why);
}

/// <summary>Work with an answer, completed when it is durable.</summary>
internal sealed class WriterWork<TResult>(Func<Database, TResult> run, bool touchesMailboxes) : WriterWork
{
    private readonly TaskCompletionSource<TResult> _completion =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TResult? _result;

    public override bool TouchesMailboxes => touchesMailboxes;

    public Task<TResult> Completion => _completion.Task;

    public override void Run(Database database) => _result = run(database);

    public override void Committed() => _completion.TrySetResult(_result!);

    public override void Failed(Exception why) =>
        _completion.TrySetException(
            why as StoreUnavailableException ?? new StoreUnavailableException(why.Message, why));
}
