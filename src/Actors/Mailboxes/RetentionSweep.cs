using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Mailboxes;

public sealed record RetentionOptions
{
    /// <summary>Between the end of one sweep and the next. Default 1 hour: retention counts in days.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Mailboxes looked at in one read. Default 256: a read of about a millisecond.</summary>
    public int PageMailboxes { get; init; } = 256;

    /// <summary>Messages removed in one commit. Default 256, so that other mail goes on in between.</summary>
    public int BatchMessages { get; init; } = 256;

    /// <summary>After each page and each commit. Default 10 ms: at most 25,600 messages a second.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>From which day on; null: everything is kept where no level says otherwise.</summary>
    public int? PresetDays { get; init; }
}

/// <summary>
/// Removes messages that are older than their mailbox keeps them, one mailbox after the other and through its actor,
/// which removes the numbers it is told and no other (I5). Each node does so for the
/// mailboxes whose home it is. Where nothing is swept, a sweep is one read.
/// </summary>
public sealed class RetentionSweep : IAsyncDisposable
{
    private readonly IQuotaStore _store;
    private readonly ICommitter _committer;
    private readonly Maildrops _maildrops;
    private readonly RetentionOptions _options;
    private readonly TimeProvider _time;
    private readonly QuotaMetrics _metrics;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;

    public RetentionSweep(
        IQuotaStore store, ICommitter committer, Maildrops maildrops, RetentionOptions options, TimeProvider time,
        QuotaMetrics metrics, ILoggerFactory log)
    {
        _store = store;
        _committer = committer;
        _maildrops = maildrops;
        _options = options;
        _time = time;
        _metrics = metrics;
        _log = log.CreateLogger("MailCluster.Mailboxes");
    }

    /// <summary>Sweeps at once and then in its interval, until it is disposed.</summary>
    public void Start() => _loop = RunAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _stop.Dispose();
    }

    /// <summary>All that is due now. Returns how many messages went.</summary>
    /// <exception cref="StoreUnavailableException">The store cannot be asked.</exception>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var (messages, mailboxes) = (0, 0);
        for (MailboxId? from = new MailboxId(0); from is { } after;)
        {
            var page = await _store.ListRetentionAsync(
                after, _options.PresetDays, _time.GetUtcNow(), _options.PageMailboxes, cancellationToken);
            foreach (var candidate in page.Candidates)
            {
                if (!_maildrops.IsHome(candidate.Mailbox))
                {
                    continue;
                }

                var gone = await SweepAsync(candidate, cancellationToken);
                messages += gone;
                mailboxes += gone > 0 ? 1 : 0;
            }

            from = page.Next;
            if (from is not null)
            {
                await Task.Delay(_options.Pause, _time, cancellationToken);
            }
        }

        if (messages > 0)
        {
            MailboxLog.RetentionSwept(_log, messages, mailboxes);
        }

        return messages;
    }

    private async Task<int> SweepAsync(RetentionCandidate candidate, CancellationToken cancellationToken)
    {
        var gone = 0;
        ExpiredMessages expired;
        do
        {
            expired = await _store.ListExpiredAsync(
                candidate.Mailbox, candidate.Before, _options.BatchMessages, cancellationToken);
            try
            {
                if (!await _maildrops.DeleteAsync(candidate.Mailbox, expired.Numbers, cancellationToken))
                {
                    return gone;
                }
            }
            catch (AskFailedException failure)
            {
                // The next sweep finds what is left.
                MailboxLog.RetentionDeferred(_log, candidate.Mailbox.Value, failure.Why);
                return gone;
            }

            gone += expired.Numbers.Length;
            _metrics.Expired(expired.Numbers.Length);
            await Task.Delay(_options.Pause, _time, cancellationToken);
        }
        while (!expired.IsAll);

        // Nobody waits for it: without it the mailbox is looked at once more.
        new CommitUnit(1).Contribute(
            _committer,
            null,
            new StoreOperation.RaiseOldest(
                candidate.Mailbox, FolderId.Inbox, expired.OldestKept, expired.LastNumber));
        return gone;
    }

    private async Task RunAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    await SweepAsync(_stop.Token);
                }
                catch (StoreUnavailableException failure)
                {
                    MailboxLog.RetentionFailed(_log, failure);
                }

                await Task.Delay(_options.Interval, _time, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The node is closing.
        }
    }
}
