using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

/// <summary>Which rows are asked for: bound from the query; absent: all.</summary>
internal readonly record struct QueueRequest(
    [property: Description("Only what waits for the mailbox of this user")] string? Mailbox,
    [property: Description("Only what was sent to this address, which may be an alias")] string? Recipient,
    [property: Description("Only what was sent to addresses of this domain")] string? Domain);

/// <summary>Accepted messages that are not in their mailbox yet.</summary>
internal static class QueueEndpoints
{
    /// <summary>Rows that "retry all" makes due in one commit, between which other mail goes on.</summary>
    private const int RetryPage = 500;

    private const string Tag = "Queue";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapGet("/queue", ListAsync).WithTags(Tag).WithName("listQueue")
            .WithSummary("Accepted messages that wait for their mailbox, oldest first")
            .WithDescription("One row per message and mailbox. A row without a next attempt was given up.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapGet("/queue/{id}", FindAsync).WithTags(Tag).WithName("getQueued")
            .WithSummary("One of them").ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPost("/queue/{id}/retry", RetryAsync).WithTags(Tag).WithName("retryQueued")
            .WithSummary("Tries to deliver one of them now").ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPost("/queue/retry", RetryAllAsync).WithTags(Tag).WithName("retryQueue")
            .WithSummary("Tries to deliver all of them now, those that were given up too");
    }

    private static async Task<Results<Ok<Page<QueuedView>>, ProblemHttpResult>> ListAsync(
        [AsParameters] QueueRequest request, [AsParameters] PageRequest page, ISpoolStore spool,
        IDirectoryStore directory, CancellationToken cancellationToken)
    {
        var after = 0L;
        if (page.Fault is { } fault)
        {
            return fault;
        }

        if (page.After is not null && !TryParse(page.After, out after))
        {
            return AdminProblem.Invalid("\"after\"", "It is the \"next\" of the page before.");
        }

        MailboxId? mailbox = null;
        if (request.Mailbox is { } address)
        {
            if (!MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
                || await directory.FindAccountAsync(localPart, domain, cancellationToken) is not { } account)
            {
                return AdminProblem.NotFound("mailbox", address);
            }

            mailbox = account.Id.Mailbox;
        }

        var filter = new SpoolFilter(mailbox, request.Recipient, request.Domain);
        var rows = await spool.ListAsync(filter, new SpoolId(after), page.Asked, cancellationToken);
        return TypedResults.Ok(page.Of(rows, View, row => Text(row.Id)));
    }

    private static async Task<Results<Ok<QueuedView>, ProblemHttpResult>> FindAsync(
        string id, ISpoolStore spool, CancellationToken cancellationToken) =>
        await RowAsync(id, spool, cancellationToken) is { } row
            ? TypedResults.Ok(View(row))
            : AdminProblem.NotFound("queued message", id);

    private static async Task<Results<Ok<RetriedView>, ProblemHttpResult>> RetryAsync(
        string id, ISpoolStore spool, ICommitter committer, Spool delivery, TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (await RowAsync(id, spool, cancellationToken) is not { } row)
        {
            return AdminProblem.NotFound("queued message", id);
        }

        await MakeDueAsync([row], committer, delivery, time);
        return TypedResults.Ok(new RetriedView(1));
    }

    private static async Task<Ok<RetriedView>> RetryAllAsync(
        ISpoolStore spool, ICommitter committer, Spool delivery, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var retried = 0L;
        ImmutableArray<SpoolRow> rows;
        var after = default(SpoolId);
        do
        {
            rows = await spool.ListAsync(new SpoolFilter(), after, RetryPage, cancellationToken);
            if (!rows.IsEmpty)
            {
                await MakeDueAsync(rows, committer, delivery, time);
                retried += rows.Length;
                after = rows[^1].Id;
            }
        }
        while (rows.Length == RetryPage);
        return TypedResults.Ok(new RetriedView(retried));
    }

    /// <exception cref="StoreUnavailableException">It could not be written (503).</exception>
    private static async Task MakeDueAsync(
        ImmutableArray<SpoolRow> rows, ICommitter committer, Spool delivery, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var unit = new CommitUnit(1);
        unit.Contribute(committer, null, [.. rows.Select(
            row => new StoreOperation.DeferSpooled(row.Id, row.Attempts, now, row.LastError))]);
        var outcome = await unit.Completion;
        if (outcome != CommitOutcome.Committed)
        {
            throw new StoreUnavailableException($"The store does not take writes now: {outcome}.");
        }

        delivery.Wake([.. rows.Select(row => row.Mailbox).Distinct()]);
    }

    private static async ValueTask<SpoolRow?> RowAsync(
        string id, ISpoolStore spool, CancellationToken cancellationToken) =>
        TryParse(id, out var number) ? await spool.FindAsync(new SpoolId(number), cancellationToken) : null;

    private static string Text(SpoolId id) => id.Value.ToString(CultureInfo.InvariantCulture);

    private static bool TryParse(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static QueuedView View(SpoolRow row) => new(
        Text(row.Id),
        row.Body.Value.ToString("X", CultureInfo.InvariantCulture),
        row.Envelope.Sender,
        row.Envelope.Recipient,
        row.Octets,
        row.Queued,
        row.Attempts,
        row.NextAttempt < row.Queued ? row.Queued : row.NextAttempt,
        row.LastError);
}
