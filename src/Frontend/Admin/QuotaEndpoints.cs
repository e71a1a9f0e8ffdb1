using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Mailboxes;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

/// <summary>What tenants, domains and mailboxes may hold, when they are warned and how long they keep it.</summary>
internal static class QuotaEndpoints
{
    private const string Tag = "Quotas";

    public static void Map(RouteGroupBuilder admin)
    {
        Map(admin, "/quotas/tenants/{name}", "Tenant", "tenant", name => new LimitTarget.Tenant(name));
        Map(admin, "/quotas/domains/{name}", "Domain", "domain", name => new LimitTarget.Domain(name));
        Map(admin, "/quotas/mailboxes/{name}", "Mailbox", "mailbox",
            name => MailAddressText.TrySplit(name, out var localPart, out var domain, out _)
                ? new LimitTarget.Account(localPart, domain) : null);
    }

    private static void Map(
        RouteGroupBuilder admin, string path, string operation, string kind, Func<string, LimitTarget?> target)
    {
        admin.MapGet(path,
            (string name, IQuotaStore store, MailboxQuotas quotas, CancellationToken cancellationToken) =>
                FindAsync(kind, name, target(name), store, quotas, cancellationToken))
            .WithTags(Tag).WithName($"get{operation}Quota")
            .WithSummary($"The limits of a {kind} and where each comes from")
            .WithDescription("Each level inherits what it does not say: configuration, tenant, domain, mailbox.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPatch(path,
            (string name, NewLimits limits, IQuotaStore store, CancellationToken cancellationToken) =>
                ChangeAsync(kind, name, target(name), limits, store, cancellationToken))
            .WithTags(Tag).WithName($"set{operation}Quota")
            .WithSummary($"Sets limits of a {kind}; what is not named stays")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<QuotaView>, ProblemHttpResult>> FindAsync(
        string kind, string name, LimitTarget? target, IQuotaStore store, MailboxQuotas quotas,
        CancellationToken cancellationToken)
    {
        if (target is null || await store.FindAsync(target, cancellationToken) is not { } levels)
        {
            return AdminProblem.NotFound(kind, name);
        }

        var limits = quotas.Of(levels);
        long? used = levels.Id is { } mailbox ? await store.UsedOctetsAsync(mailbox, cancellationToken) : null;
        return TypedResults.Ok(new QuotaView(
            levels.Name, View(limits.Storage), View(limits.Warning), View(limits.Retention), used,
            Percent(used, limits)));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> ChangeAsync(
        string kind, string name, LimitTarget? target, NewLimits asked, IQuotaStore store,
        CancellationToken cancellationToken)
    {
        long? storage = null;
        long? warning = null;
        long? retention = null;
        if (asked.Storage is { } storageText && !LimitText.TryStorage(storageText, out storage))
        {
            return AdminProblem.Invalid("\"storage\"", "It is a number of octets (500M, 10G), none or inherit.");
        }

        if (asked.Warning is { } warningText && !LimitText.TryNumber(warningText, 100, out warning))
        {
            return AdminProblem.Invalid("\"warning\"", "It is a percentage from 1 to 100, none or inherit.");
        }

        if (asked.Retention is { } retentionText
            && !LimitText.TryNumber(retentionText, MailboxLimits.RetentionDaysMax, out retention))
        {
            return AdminProblem.Invalid(
                "\"retention\"", $"It is a number of days from 1 to {MailboxLimits.RetentionDaysMax}, none or inherit.");
        }

        var change = target is null ? DirectoryChange.NotFound : await store.ChangeAsync(
            target,
            limits => new(
                asked.Storage is null ? limits.StorageOctets : storage,
                asked.Warning is null ? limits.WarningPercent : (int?)warning,
                asked.Retention is null ? limits.RetentionDays : (int?)retention),
            cancellationToken);
        return change == DirectoryChange.Done ? TypedResults.NoContent() : AdminProblem.NotFound(kind, name);
    }

    public static long? Percent(long? used, EffectiveLimits limits) =>
        used is { } octets && limits.Storage.Value is { } storage ? QuotaNotice.Percent(octets, storage) : null;

    private static LimitView View(EffectiveLimit limit) => new(limit.Value, limit.From switch
    {
        LimitLevel.Tenant => "tenant",
        LimitLevel.Domain => "domain",
        LimitLevel.Mailbox => "mailbox",
        _ => "configuration",
    });
}
