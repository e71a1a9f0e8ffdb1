using Google.Protobuf;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>Answers what other nodes ask of the mailboxes whose home is here.</summary>
internal sealed class MaildropAnswers
{
    private readonly RemovalParts _parts;
    private readonly MailboxRegion _region;
    private readonly MaildropStreams _streams;
    private readonly MaildropLinkOptions _options;

    public MaildropAnswers(
        MailboxRegion region, ShardAsks asks, MaildropLinkOptions options, MaildropMetrics metrics)
    {
        _region = region;
        _options = options;
        _streams = new MaildropStreams(asks, options, metrics);
        _parts = new RemovalParts(options);
        asks.HandleAsync(Envelope.BodyOneofCase.OpenMaildrop, OpenAsync);
        asks.HandleAsync(Envelope.BodyOneofCase.RemoveMessages, RemoveAsync);
        asks.HandleAsync(Envelope.BodyOneofCase.ShowMaildrop, ShowAsync);
        asks.LinkDown += _parts.Drop;
    }

    private async ValueTask OpenAsync(RemoteAsk ask)
    {
        var open = ask.Envelope.OpenMaildrop;
        var snapshot = await _region.SnapshotAsync(new MailboxId(open.Mailbox), ask.Patience);
        if (snapshot is null)
        {
            ask.Answer(Answer(MaildropOpened.Types.Outcome.NoSuchMailbox, null));
            return;
        }

        if (open.HasGeneration && open.Generation == snapshot.Generation)
        {
            ask.Answer(Answer(MaildropOpened.Types.Outcome.Same, snapshot));
            return;
        }

        var writer = new MaildropPartWriter(snapshot);
        var first = new byte[Math.Min(_options.WholeOctetsMax, _options.PartOctets)];
        var octets = writer.Write(first);
        if (writer.IsAtEnd)
        {
            var whole = Answer(MaildropOpened.Types.Outcome.Whole, snapshot);
            whole.MaildropOpened.Part = UnsafeByteOperations.UnsafeWrap(first.AsMemory(0, octets));
            ask.Answer(whole);
        }
        else if (_streams.TryBegin(ask.From, open, writer, first.AsMemory(0, octets)))
        {
            ask.Answer(Answer(MaildropOpened.Types.Outcome.Stream, snapshot));
        }
        else
        {
            ask.Fail(AskFailure.MailboxFull);
        }
    }

    private async ValueTask RemoveAsync(RemoteAsk ask)
    {
        var remove = ask.Envelope.RemoveMessages;
        if (!_parts.TryTake(ask.From, remove, out var numbers))
        {
            // Parts were lost on the way; who asks begins anew.
            ask.Fail(AskFailure.Interrupted);
        }
        else if (numbers.IsDefault)
        {
            ask.Answer(new Envelope { MessagesRemoved = new MessagesRemoved { Removed = true } });
        }
        else
        {
            var isRemoved = await _region.RemoveAsync(new MailboxId(remove.Mailbox), numbers, ask.Patience);
            ask.Answer(new Envelope { MessagesRemoved = new MessagesRemoved { Removed = isRemoved } });
        }
    }

    private async ValueTask ShowAsync(RemoteAsk ask)
    {
        var totals = await _region.TotalsAsync(new MailboxId(ask.Envelope.ShowMaildrop.Mailbox), ask.Patience);
        ask.Answer(new Envelope
        {
            MaildropShown = new MaildropShown
            {
                Exists = totals is not null, Messages = totals?.Messages ?? 0, Octets = totals?.Octets ?? 0,
            },
        });
    }

    private static Envelope Answer(MaildropOpened.Types.Outcome result, MaildropSnapshot? snapshot) => new()
    {
        MaildropOpened = new MaildropOpened
        {
            Outcome = result,
            Generation = snapshot?.Generation ?? 0,
            Messages = (uint)(snapshot?.Messages.Length ?? 0),
        },
    };
}
