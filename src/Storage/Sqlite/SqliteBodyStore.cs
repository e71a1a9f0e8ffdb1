using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Storage.Sqlite;

internal sealed class SqliteBodyStore(Readers readers, LeasedIds ids, RemovalStamps removals) : IBodyStore
{
    private readonly BodyReadPool _pool = new();

    public BodyId NextId() => new(ids.Next());

    public ValueTask<int> ReadAsync(
        BodyId body, long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        ReadAsync(0, 0, body.Value, offset, destination, cancellationToken);

    public ValueTask<bool> ExistsAsync(BodyId body, CancellationToken cancellationToken) =>
        new(readers.Ask(
            database =>
            {
                var find = database.Get("SELECT 1 FROM body WHERE id = ?");
                find.Bind(1, body.Value);
                var exists = find.Step();
                find.Reset();
                return exists;
            },
            cancellationToken));

    public ValueTask<int> ReadMessageAsync(
        MailboxId mailbox, MessageNumber number, BodyId body, Memory<byte> destination,
            CancellationToken cancellationToken) =>
        ReadAsync(mailbox.Value, number.Value, body.Value, 0, destination, cancellationToken);

    public ValueTask<int> ReadMessagesAsync(
        MailboxId mailbox, ReadOnlyMemory<MessageEntry> entries, Memory<byte> destination,
        CancellationToken cancellationToken)
    {
        var read = _pool.Rent();
        read.Set(mailbox.Value, entries, destination, cancellationToken);
        var task = new ValueTask<int>(read, read.Version);
        readers.Post(read);
        return task;
    }

    public long RemovalStamp(MailboxId mailbox) => removals.Of(mailbox.Value);

    private ValueTask<int> ReadAsync(
        long mailbox, long number, long body, long offset, Memory<byte> destination,
            CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        var read = _pool.Rent();
        read.Set(mailbox, number, body, offset, destination, cancellationToken);
        var task = new ValueTask<int>(read, read.Version);
        readers.Post(read);
        return task;
    }
}
