using MailCluster.Shared.Cluster;
using Npgsql;

namespace MailCluster.Storage.Postgres;

/// <summary>The statements of one commit connection, bound to the columns of its batch once and for all.</summary>
internal sealed class CommitStatements : IDisposable
{
    private readonly NpgsqlBatch _batch = new();
    private readonly NpgsqlBatchCommand _lock;
    private readonly NpgsqlBatchCommand _check;
    private readonly (Func<bool> IsNeeded, NpgsqlBatchCommand Command)[] _writes;
    private readonly NpgsqlBatchCommand _writeToken;
    private readonly List<NpgsqlParameter<long>> _now = [];
    private readonly List<NpgsqlParameter<int>> _node = [];
    private readonly NpgsqlParameter<long> _incarnation = new();
    private readonly NpgsqlParameter<long> _token = new();
    private readonly NpgsqlParameter<long> _looked = new();

    /// <param name="lane">Its number within the node.</param>
    /// <param name="tombstones">Kept per mailbox.</param>
    public CommitStatements(CommitColumns c, int lane, int tombstones, int timeoutSeconds)
    {
        _batch.Timeout = timeoutSeconds;
        _lock = Command(CommitSql.Lock, Node());
        _check = Command(
            CommitSql.Check, Node(), _incarnation, List(c.GuardCell), List(c.GuardShard), List(c.GuardEpoch));
        _writes =
        [
            (() => c.StageBody.Count > 0, Command(
                CommitSql.Stage, List(c.StageBody), List(c.StageSequence), List(c.StageLength), Now())),
            (() => c.StageBody.Count > 0, Command(
                CommitSql.InsertChunks, List(c.StageBody), List(c.StageSequence), List(c.StageOctets))),
            (() => c.MadeLive.Count > 0, Command(
                CommitSql.MakeLive, List(c.MadeLive), List(c.MadeLiveChunks), List(c.MadeLiveOctets))),
            (() => c.BodyId.Count > 0, Command(
                CommitSql.InsertBodies, List(c.BodyId), List(c.BodyOctets), List(c.BodyChunks), List(c.BodyHead))),
            (() => c.Unreferenced.Count > 0, Command(CommitSql.MarkUnreferenced, List(c.Unreferenced), Now())),
            (() => c.Existing.Count > 0, Command(CommitSql.FindBodies, List(c.Existing))),
            (() => c.ForeignMailbox.Count > 0, Command(
                CommitSql.TakeForeign, List(c.ForeignMailbox), List(c.ForeignId), List(c.ForeignNumber))),
            (() => c.ImportMailbox.Count > 0, Command(
                CommitSql.RecordImports, List(c.ImportMailbox), List(c.ImportKey), Now())),
            (() => c.MessageMailbox.Count > 0, InsertMessages(c)),
            (() => c.FolderMailbox.Count > 0, Command(
                CommitSql.WriteFolders, List(c.FolderMailbox), List(c.FolderId), List(c.FolderFirstNumber),
                List(c.FolderFirstUid), List(c.FolderFirstModSeq), List(c.FolderNumber), List(c.FolderUid),
                List(c.FolderModSeq), List(c.FolderOctets), List(c.FolderOldest))),
            (() => c.SpoolId.Count > 0, InsertSpool(c)),
            (() => c.TakeId.Count > 0, Command(CommitSql.TakeSpooled, List(c.TakeId), List(c.TakeBody), Now())),
            (() => c.DeferId.Count > 0, Command(
                CommitSql.DeferSpooled, List(c.DeferId), List(c.DeferAttempts), List(c.DeferNext),
                List(c.DeferError))),
            (() => c.RemovalMailbox.Count > 0, Command(
                CommitSql.DeleteMessages, List(c.DeleteMailbox), List(c.DeleteFolder), List(c.DeleteNumber),
                List(c.DeleteModSeq), List(c.RemovalMailbox), List(c.RemovalFolder), List(c.RemovalModSeq),
                List(c.RemovalCount), Now())),
            (() => c.RemovalMailbox.Count > 0, Command(
                CommitSql.TrimTombstones, List(c.RemovalMailbox), Value((long)tombstones))),
            (() => c.Warned.Count > 0, Command(CommitSql.MarkWarned, List(c.Warned))),
            (() => c.RearmMailbox.Count > 0, Command(
                CommitSql.RearmWarning, List(c.RearmMailbox), List(c.RearmBelow))),
            (() => c.RaiseMailbox.Count > 0, Command(
                CommitSql.RaiseOldest, List(c.RaiseMailbox), List(c.RaiseFolder), List(c.RaiseOldest),
                List(c.RaiseNumber))),
            (() => c.Discard.Count > 0, Command(CommitSql.Discard, List(c.Discard))),
        ];
        _writeToken = Command(CommitSql.Token, Node(), Value(lane), _token, _looked);
    }

    /// <summary>
    /// All of them, once for a connection: left to the driver, statements that are prepared in a batch that fails stay
    /// half prepared.
    /// </summary>
    public async Task PrepareAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        _batch.Connection = connection;
        _batch.BatchCommands.Add(_lock);
        _batch.BatchCommands.Add(_check);
        foreach (var (_, command) in _writes)
        {
            _batch.BatchCommands.Add(command);
        }

        _batch.BatchCommands.Add(_writeToken);
        await _batch.PrepareAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Under which start of which node it is written from now on.</summary>
    public void WriteAs(NodePeer node)
    {
        foreach (var parameter in _node)
        {
            parameter.TypedValue = node.Id.Value;
        }

        _incarnation.TypedValue = node.Incarnation.Value;
    }

    /// <summary>
    /// Everything up to the commit in one round trip: the server begins a transaction with the first statement and
    /// commits it behind the last, or undoes all.
    /// </summary>
    public async Task ExecuteAsync(long token, long looked, long now)
    {
        _token.TypedValue = token;
        _looked.TypedValue = looked;
        foreach (var parameter in _now)
        {
            parameter.TypedValue = now;
        }

        var commands = _batch.BatchCommands;
        commands.Clear();
        commands.Add(_lock);
        commands.Add(_check);
        foreach (var (isNeeded, command) in _writes)
        {
            if (isNeeded())
            {
                commands.Add(command);
            }
        }

        commands.Add(_writeToken);
        _ = await _batch.ExecuteNonQueryAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public void Dispose() => _batch.Dispose();

    private static NpgsqlBatchCommand InsertMessages(CommitColumns c) => Command(
        CommitSql.InsertMessages, List(c.MessageMailbox), List(c.MessageNumber), List(c.MessageFolder),
        List(c.MessageUid), List(c.MessageModSeq), List(c.MessageBody), List(c.MessageOctets),
        List(c.MessageWireOctets), List(c.MessageDate), List(c.MessageTraits), List(c.MessageFlags),
        List(c.MessageForeign));

    private static NpgsqlBatchCommand InsertSpool(CommitColumns c) => Command(
        CommitSql.InsertSpool, List(c.SpoolId), List(c.SpoolMailbox), List(c.SpoolShard), List(c.SpoolBody),
        List(c.SpoolOctets), List(c.SpoolWireOctets), List(c.SpoolSender), List(c.SpoolRecipient),
        List(c.SpoolBodyType), List(c.SpoolUtf8), List(c.SpoolUser), List(c.SpoolQueued), List(c.SpoolAttempts),
        List(c.SpoolNext), List(c.SpoolError), List(c.SpoolTraits));

    private static NpgsqlParameter<List<T>> List<T>(List<T> values) => new() { TypedValue = values };

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    private static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private NpgsqlParameter<int> Node()
    {
        var parameter = new NpgsqlParameter<int>();
        _node.Add(parameter);
        return parameter;
    }

    // A parameter belongs to one command.
    private NpgsqlParameter<long> Now()
    {
        var parameter = new NpgsqlParameter<long>();
        _now.Add(parameter);
        return parameter;
    }
}
