using System.Collections.Concurrent;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// Maildrops of other nodes, each opened by one ask at a time for all sessions of this node: who comes while it is
/// under way waits for the next one, which so begins after it came and misses nothing. Sessions own what they opened;
/// what they still have of a mailbox is not sent again.
/// </summary>
internal sealed class RemoteMaildrops
{
    private readonly Lock _gate = new();
    private readonly Dictionary<MailboxId, Opening> _openings = [];
    private readonly ConcurrentDictionary<ulong, IncomingMaildrop> _incoming = new();
    private readonly BoundedCache<MailboxId, Held> _held;
    private readonly MailboxRegion _region;
    private readonly ShardAsks _asks;
    private readonly MaildropLinkOptions _options;
    private readonly MaildropMetrics _metrics;

    public RemoteMaildrops(
        MailboxRegion region, ShardAsks asks, MaildropLinkOptions options, MaildropMetrics metrics)
    {
        _region = region;
        _asks = asks;
        _options = options;
        _metrics = metrics;
        _held = new(options.KnownMax, TimeSpan.FromDays(1), asks.System.Time);
        asks.Handle(Envelope.BodyOneofCase.MaildropPart, OnPart);
        asks.LinkDown += OnLinkDown;
    }

    public ValueTask<MaildropSnapshot?> OpenAsync(MailboxId mailbox, TimeSpan deadline)
    {
        var ask = PendingAsk<MaildropSnapshot?>.Open(_asks.System, out var reply);
        Opening? begun = null;
        lock (_gate)
        {
            if (_openings.TryGetValue(mailbox, out var opening))
            {
                opening.Next.Add(reply);
            }
            else
            {
                begun = new Opening();
                begun.Next.Add(reply);
                _openings.Add(mailbox, begun);
            }
        }

        if (begun is not null)
        {
            _ = OpenAllAsync(mailbox, begun);
        }

        return ask.Answer(deadline);
    }

    /// <summary>From this home, once; unless sessions of this node have that generation still.</summary>
    public async ValueTask<MaildropSnapshot?> FetchAsync(MailboxId mailbox, NodePeer home, TimeSpan patience)
    {
        var since = _asks.System.Time.GetTimestamp();
        var known = _held.TryGet(mailbox, out var held) ? held.Snapshot : null;
        var end = PendingAsk<bool>.Open(_asks.System, out var reply);
        var incoming = new IncomingMaildrop((ulong)_asks.System.Deadlines.NextSequence(), home, reply);
        _incoming[incoming.Stream] = incoming;
        var isOver = false;
        try
        {
            var opened = await AskAsync(mailbox, home, known, incoming.Stream, patience);
            if (opened.Outcome != MaildropOpened.Types.Outcome.Stream)
            {
                isOver = true;
                reply.Reply(true);
                await end.Answer(patience);
                return Opened(mailbox, opened, known);
            }

            incoming.Expect(checked((int)opened.Messages));
            await end.Answer(patience - _asks.System.Time.GetElapsedTime(since));
            isOver = true;
            _metrics.Received(opened.Messages);
            return Hold(incoming.Reader.ToSnapshot(mailbox, opened.Generation));
        }
        finally
        {
            _incoming.TryRemove(incoming.Stream, out _);
            if (!isOver)
            {
                // It may be under way and has no reader any more.
                reply.Fail(AskFailure.Interrupted);
                Credit(home, incoming.Stream, 0);
            }
        }
    }

    private async Task<MaildropOpened> AskAsync(
        MailboxId mailbox, NodePeer home, MaildropSnapshot? known, ulong stream, TimeSpan patience)
    {
        var open = new OpenMaildrop
        {
            Mailbox = mailbox.Value, Stream = stream, Parts = (uint)_options.PartsAhead,
        };
        if (known is not null)
        {
            open.Generation = known.Generation;
        }

        try
        {
            var answer = await _asks.AskAsync(
                home,
                new Envelope { Shard = ShardAsks.NumberOf(ShardId.Of(mailbox)), OpenMaildrop = open },
                patience);
            return answer.MaildropOpened ?? throw new AskFailedException(AskFailure.Failed);
        }
        catch (AskFailedException failure) when (failure.Why == AskFailure.MailboxFull)
        {
            // Nothing was done; in a moment there is room.
            throw new AskFailedException(AskFailure.NotHere);
        }
    }

    private MaildropSnapshot? Opened(MailboxId mailbox, MaildropOpened opened, MaildropSnapshot? known)
    {
        switch (opened.Outcome)
        {
            case MaildropOpened.Types.Outcome.NoSuchMailbox:
                return null;
            case MaildropOpened.Types.Outcome.Same when known?.Generation == opened.Generation:
                _metrics.Same();
                return known;
            case MaildropOpened.Types.Outcome.Whole:
                var reader = new MaildropPartReader();
                reader.Expect(checked((int)opened.Messages));
                if (reader.TryRead(opened.Part.Span) && reader.Count == opened.Messages)
                {
                    _metrics.Whole();
                    return Hold(reader.ToSnapshot(mailbox, opened.Generation));
                }

                break;
        }

        throw new AskFailedException(AskFailure.Failed);
    }

    private MaildropSnapshot Hold(MaildropSnapshot snapshot)
    {
        _held.Set(snapshot.Mailbox, new Held(snapshot, _asks.System.Scheduler.IsDeterministic), _held.Version);
        return snapshot;
    }

    private async Task OpenAllAsync(MailboxId mailbox, Opening opening)
    {
        while (true)
        {
            List<ReplyTo<MaildropSnapshot?>> waiting;
            lock (_gate)
            {
                if (opening.Next.Count == 0)
                {
                    _openings.Remove(mailbox);
                    return;
                }

                waiting = opening.Next;
                opening.Next = [];
            }

            try
            {
                var snapshot = await _asks.RouteAsync<OpenAsk, MaildropSnapshot?>(
                    new OpenAsk(_region, this, mailbox), _region.Options.OpenDeadline);
                waiting.ForEach(reply => reply.Reply(snapshot));
            }
            catch (AskFailedException failure)
            {
                waiting.ForEach(reply => reply.Fail(failure.Why));
            }
            catch (Exception failure)
            {
                // Whatever it is, who waits has to hear of it.
                MailboxLog.OpeningFailed(_asks.Log, mailbox.Value, failure);
                waiting.ForEach(reply => reply.Fail(AskFailure.Failed));
            }
        }
    }

    private void OnPart(RemoteAsk tell)
    {
        var part = tell.Envelope.MaildropPart;
        if (!_incoming.TryGetValue(part.Stream, out var incoming) || incoming.Home != tell.From)
        {
            return;
        }

        var parts = incoming.Add(part.Part.Span);
        var step = Math.Max(_options.PartsAhead / 2, 1);
        if (parts > 0 && parts % step == 0)
        {
            Credit(tell.From, part.Stream, (uint)step);
        }
    }

    private void Credit(NodePeer home, ulong stream, uint parts) => _asks.Tell(
        home, new Envelope { MaildropCredit = new MaildropCredit { Stream = stream, Parts = parts } });

    private void OnLinkDown(NodePeer peer)
    {
        foreach (var incoming in _incoming.Values.Where(incoming => incoming.Home == peer)
            .OrderBy(incoming => incoming.Stream))
        {
            incoming.Fail();
        }
    }

    /// <summary>Who waits for the next ask; the one under way has its own list.</summary>
    private sealed class Opening
    {
        public List<ReplyTo<MaildropSnapshot?>> Next { get; set; } = [];
    }

    /// <summary>
    /// Sessions keep it alive, this does not; except where a run has to repeat and so must not depend on when memory is
    /// collected.
    /// </summary>
    private sealed class Held(MaildropSnapshot snapshot, bool isKept)
    {
        private readonly MaildropSnapshot? _kept = isKept ? snapshot : null;
        private readonly WeakReference<MaildropSnapshot> _snapshot = new(snapshot);

        public MaildropSnapshot? Snapshot => _kept ?? (_snapshot.TryGetTarget(out var alive) ? alive : null);
    }
}
