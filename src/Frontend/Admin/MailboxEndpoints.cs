using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

internal static class MailboxEndpoints
{
    public static void Map(RouteGroupBuilder admin) =>
        admin.MapGet("/mailboxes/{address}", FindAsync).WithTags("Mailboxes").WithName("getMailbox")
            .WithSummary("How much is in a mailbox")
                .WithDescription("Counted from the store at the time of the request; no content is shown.")
            .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<Results<Ok<MailboxView>, ProblemHttpResult>> FindAsync(
        string address, IDirectoryStore directory, MailboxQuotas quotas, CancellationToken cancellationToken)
    {
        if (!MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            || await directory.FindAccountAsync(localPart, domain, cancellationToken) is not { } account
            || await directory.TotalsAsync(account.Id.Mailbox, cancellationToken) is not { } totals
            || await quotas.FindAsync(account.Id.Mailbox, cancellationToken) is not { } quota)
        {
            return AdminProblem.NotFound("mailbox", address);
        }

        return TypedResults.Ok(new MailboxView(
            account.Address, account.Suspended, totals.Messages, totals.Octets, totals.Oldest, totals.Newest,
            quota.Limits.Storage.Value, QuotaEndpoints.Percent(totals.Octets, quota.Limits)));
    }
}
