using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;

namespace MailCluster.Simulation;

/// <summary>
/// What senders and readers were told and what the database took, compared at every commit and every answer: I1 (kept),
/// I2 (once), I3 (one writer), I4 (numbers), I5 (nothing unmarked), I9 (nobody else's).
/// </summary>
internal sealed class MailLedger(Func<ShardId, ShardRow> shards, Events events)
{
    private readonly SortedDictionary<long, Message> _messages = [];
    private readonly SortedDictionary<long, Box> _boxes = [];
    private readonly SortedDictionary<long, (long Mailbox, long Body)> _spool = [];
    private readonly Dictionary<ShardEpoch, NodePeer> _writers = [];

    public int Delivered { get; private set; }

    public int Spooled { get; private set; }

    public int Acknowledged { get; private set; }

    public int Removed { get; private set; }

    public int Opened { get; private set; }

    /// <summary>Of everything that was ever committed to the spool, what is still there.</summary>
    public int Waiting => _spool.Count;

    public void Add(MailboxId mailbox) => _boxes.Add(mailbox.Value, new Box());

    public void Sending(BodyId body, ImmutableArray<MailboxId> to) => _messages.Add(body.Value, new Message(to));

    /// <param name="verdict">Null: the connection broke before an answer came.</param>
    public void Answered(BodyId body, AcceptVerdict? verdict)
    {
        var message = _messages[body.Value];
        message.Verdict = verdict;
        message.IsAnswered = true;
        events.Add($"answer body {body.Value} {verdict?.ToString() ?? "none"}");
        if (verdict == AcceptVerdict.Committed)
        {
            Acknowledged++;
        }

        CheckAnswer(body.Value, message);
    }

    /// <summary>What QUIT is about to remove.</summary>
    public void Marking(MailboxId mailbox, ImmutableArray<MessageNumber> numbers) =>
        _boxes[mailbox.Value].Marked.UnionWith(numbers.Select(number => number.Value));

    /// <param name="isRemoved">As the client was told; nothing is to be said when it was told nothing.</param>
    public void QuitAnswered(MailboxId mailbox, ImmutableArray<MessageNumber> numbers, bool isRemoved)
    {
        events.Add($"answer quit {mailbox.Value} {isRemoved}");
        if (!isRemoved)
        {
            return;
        }

        foreach (var number in numbers)
        {
            if (_boxes[mailbox.Value].Present.ContainsKey(number.Value))
            {
                throw new InvariantBrokenException(
                    "POP3", $"QUIT of mailbox {mailbox.Value} was answered +OK and message {number.Value} is there.");
            }
        }
    }

    /// <summary>
    /// Before a maildrop is opened: what has to be in it, as it was shown before or acknowledged when it went straight
    /// into its mailbox.
    /// </summary>
    public ImmutableArray<long> Expected(MailboxId mailbox) =>
        [.. _boxes[mailbox.Value].Present.Where(row => row.Value.IsKnown).Select(row => row.Key)];

    public void OpenAnswered(MailboxId mailbox, ImmutableArray<long> expected, MaildropSnapshot snapshot)
    {
        var box = _boxes[mailbox.Value];
        events.Add($"answer open {mailbox.Value} {snapshot.Messages.Length}");
        Opened++;
        var last = 0L;
        var shown = new HashSet<long>();
        foreach (var entry in snapshot.Messages)
        {
            if (entry.Number.Value <= last || !box.Given.TryGetValue(entry.Number.Value, out var row)
                || row.Body != entry.Body.Value)
            {
                throw new InvariantBrokenException(
                    "POP3", $"Mailbox {mailbox.Value} shows message {entry.Number.Value} that is not committed.");
            }

            last = entry.Number.Value;
            row.IsKnown = true;
            shown.Add(last);
        }

        foreach (var number in expected)
        {
            if (!shown.Contains(number) && box.Present.ContainsKey(number))
            {
                throw new InvariantBrokenException(
                    "I1", $"Mailbox {mailbox.Value} does not show message {number}, which was there before.");
            }
        }
    }

    /// <summary>One transaction's unit, at the instant of its commit.</summary>
    public void Committed(NodePeer writer, CommitUnit unit)
    {
        foreach (var operation in unit.Operations)
        {
            switch (operation)
            {
                case StoreOperation.InsertMessage insert:
                    CheckWriter(writer, unit, insert.Mailbox);
                    Insert(insert);
                    break;
                case StoreOperation.DeleteMessages delete:
                    CheckWriter(writer, unit, delete.Mailbox);
                    Delete(delete);
                    break;
                case StoreOperation.InsertSpool spooled:
                    Spool(spooled.Row);
                    break;
                case StoreOperation.TakeSpooled taken:
                    Take(taken, unit);
                    break;
            }
        }

        events.Add($"commit node {writer.Id.Value}/{writer.Incarnation.Value} {unit.Operations.Count}");
    }

    /// <summary>After everything was healed and had time to settle.</summary>
    public void CheckEnd()
    {
        foreach (var (body, message) in _messages)
        {
            CheckAnswer(body, message);
            if (_spool.FirstOrDefault(row => row.Value.Body == body) is { Key: > 0 } waiting)
            {
                var (mailbox, _) = waiting.Value;
                throw new InvariantBrokenException(
                    "I1", $"Row {waiting.Key} of message {body} to mailbox {mailbox} is in the spool at the end.");
            }

            var count = message.In.Count;
            if (message.Verdict is null ? count != 0 && count != message.To.Length : !IsAsAnswered(message, count))
            {
                throw new InvariantBrokenException(
                    "I2", $"Message {body} ({message.Verdict}) is in {count} of {message.To.Length} mailboxes.");
            }
        }
    }

    private static bool IsAsAnswered(Message message, int count) =>
        count == (message.Verdict == AcceptVerdict.Committed ? message.To.Length : 0);

    private void CheckAnswer(long body, Message message)
    {
        if (message.Verdict == AcceptVerdict.Committed)
        {
            foreach (var mailbox in message.To)
            {
                var isSpooled = _spool.ContainsValue((mailbox.Value, body));
                if (!message.In.ContainsKey(mailbox.Value) && !isSpooled)
                {
                    throw new InvariantBrokenException(
                        "I1", $"Message {body} was acknowledged and is nowhere for mailbox {mailbox.Value}.");
                }

                if (!message.WasSpooled)
                {
                    _boxes[mailbox.Value].Given[message.In[mailbox.Value]].IsKnown = true;
                }
            }
        }
        else if (message.Verdict is not null && (message.In.Count > 0 || message.WasSpooled))
        {
            throw new InvariantBrokenException("I2", $"Message {body} was answered {message.Verdict} and is written.");
        }
    }

    private void CheckWriter(NodePeer writer, CommitUnit unit, MailboxId mailbox)
    {
        var shard = shards(ShardId.Of(mailbox));
        var guards = unit.Guards.Where(guard => guard.Shard == shard.Shard).ToArray();
        if (guards is not [var guard] || shard.Owner != writer || shard.Epoch != guard.Epoch)
        {
            throw new InvariantBrokenException(
                "I3",
                $"Node {writer} wrote mailbox {mailbox.Value} under {string.Join(' ', guards)}, and it is {shard}.");
        }

        if (!_writers.TryAdd(guard, writer) && _writers[guard] != writer)
        {
            throw new InvariantBrokenException("I3", $"{writer} and {_writers[guard]} wrote under {guard}.");
        }
    }

    private void Insert(StoreOperation.InsertMessage insert)
    {
        var box = _boxes[insert.Mailbox.Value];
        var number = insert.Number.Value;
        if (number <= box.LastNumber || insert.ModSeq.Value <= box.ModSeq || insert.Uid.Value <= box.LastUid)
        {
            throw new InvariantBrokenException(
                "I4", $"Mailbox {insert.Mailbox.Value} gave {insert} after number {box.LastNumber}.");
        }

        if (!_messages.TryGetValue(insert.Body.Value, out var message) || !message.To.Contains(insert.Mailbox))
        {
            throw new InvariantBrokenException(
                "I9", $"Message {insert.Body.Value} is in mailbox {insert.Mailbox.Value}, to which it was not sent.");
        }

        if (!message.In.TryAdd(insert.Mailbox.Value, number))
        {
            throw new InvariantBrokenException(
                "I2", $"Message {insert.Body.Value} is in mailbox {insert.Mailbox.Value} twice.");
        }

        (box.LastNumber, box.ModSeq, box.LastUid) = (number, insert.ModSeq.Value, insert.Uid.Value);
        var row = new Row(insert.Body.Value);
        box.Given.Add(number, row);
        box.Present.Add(number, row);
        Delivered++;
    }

    private void Delete(StoreOperation.DeleteMessages delete)
    {
        var box = _boxes[delete.Mailbox.Value];
        if (delete.ModSeq.Value <= box.ModSeq)
        {
            throw new InvariantBrokenException("I4", $"Mailbox {delete.Mailbox.Value} gave MODSEQ {delete.ModSeq}.");
        }

        box.ModSeq = delete.ModSeq.Value;
        foreach (var number in delete.Numbers)
        {
            if (!box.Marked.Contains(number.Value) || !box.Present.Remove(number.Value))
            {
                throw new InvariantBrokenException(
                    "I5", $"Message {number.Value} of mailbox {delete.Mailbox.Value} was removed and not marked.");
            }

            Removed++;
        }
    }

    private void Spool(SpoolRow row)
    {
        var message = _messages[row.Body.Value];
        if (message.In.ContainsKey(row.Mailbox.Value) || _spool.ContainsValue((row.Mailbox.Value, row.Body.Value)))
        {
            throw new InvariantBrokenException("I2", $"Message {row.Body.Value} is spooled twice.");
        }

        message.WasSpooled = true;
        _spool.Add(row.Id.Value, (row.Mailbox.Value, row.Body.Value));
        Spooled++;
    }

    private void Take(StoreOperation.TakeSpooled taken, CommitUnit unit)
    {
        if (!_spool.Remove(taken.Id.Value, out var row))
        {
            throw new InvariantBrokenException("I2", $"Row {taken.Id.Value} of the spool was taken twice.");
        }

        if (!unit.Operations.OfType<StoreOperation.InsertMessage>().Any(
            insert => insert.Mailbox.Value == row.Mailbox && insert.Body.Value == row.Body))
        {
            throw new InvariantBrokenException("I1", $"Row {taken.Id.Value} was taken without its message.");
        }
    }

    private sealed class Message(ImmutableArray<MailboxId> to)
    {
        public ImmutableArray<MailboxId> To => to;

        /// <summary>Mailboxes, and its number there; those it was removed from too.</summary>
        public SortedDictionary<long, long> In { get; } = [];

        public AcceptVerdict? Verdict { get; set; }

        public bool IsAnswered { get; set; }

        public bool WasSpooled { get; set; }
    }

    private sealed class Box
    {
        public SortedDictionary<long, Row> Given { get; } = [];

        public SortedDictionary<long, Row> Present { get; } = [];

        public HashSet<long> Marked { get; } = [];

        public long LastNumber { get; set; }

        public long ModSeq { get; set; }

        public uint LastUid { get; set; }
    }

    private sealed class Row(long body)
    {
        public long Body => body;

        /// <summary>A client knows that it is there.</summary>
        public bool IsKnown { get; set; }
    }
}
