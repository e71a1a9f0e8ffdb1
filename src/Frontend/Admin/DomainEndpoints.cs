using MailCluster.Actors.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

internal static class DomainEndpoints
{
    private const string Tag = "Domains";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapGet("/domains", ListAsync).WithTags(Tag).WithName("listDomains").WithSummary("All domains, by name");
        admin.MapPost("/domains", AddAsync).WithTags(Tag).WithName("addDomain").WithSummary("Adds a domain")
            .WithDescription(
                "Makes its tenant when that is new, and its postmaster mailbox, which nobody can log in to until a password is set.")
            .ProducesProblem(StatusCodes.Status409Conflict);
        admin.MapDelete("/domains/{domain}", RemoveAsync).WithTags(Tag).WithName("removeDomain")
            .WithSummary("Removes a domain")
            .WithDescription("Refused while it has users, unless withUsers=true, which removes them with their mail.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Results<Ok<Page<DomainView>>, ProblemHttpResult>> ListAsync(
        [AsParameters] PageRequest page, IDirectoryStore directory, CancellationToken cancellationToken)
    {
        if (page.Fault is { } fault)
        {
            return fault;
        }

        var rows = await directory.ListDomainsAsync(page.After, page.Asked, cancellationToken);
        var views = new Dictionary<string, DomainView>(rows.Length);
        foreach (var row in rows)
        {
            views[row.Name] = await ViewAsync(row, directory, cancellationToken);
        }

        return TypedResults.Ok(page.Of(rows, row => views[row.Name], row => row.Name));
    }

    private static async Task<Results<Created<DomainView>, ProblemHttpResult>> AddAsync(
        NewDomain domain, IDirectoryStore directory, CancellationToken cancellationToken)
    {
        if (MailAddressText.DomainFault(domain.Name) is { } fault)
        {
            return AdminProblem.Invalid("The domain's name", fault);
        }

        if (domain.Tenant is { } tenant && (tenant.Length is 0 or > 255 || tenant.Any(char.IsControl)))
        {
            return AdminProblem.Invalid("The tenant's name", "1 to 255 characters, no control characters");
        }

        var change = await directory.AddDomainAsync(domain.Tenant ?? domain.Name, domain.Name, cancellationToken);
        if (AdminProblem.From(change, "domain", domain.Name, "The domain does not fit.") is { } problem)
        {
            return problem;
        }

        var added = await directory.FindDomainAsync(domain.Name, cancellationToken);
        return TypedResults.Created($"{AdminEndpoints.Prefix}/domains/{domain.Name}",
            added is null
                ? new DomainView(domain.Name, domain.Tenant ?? domain.Name)
                : await ViewAsync(added, directory, cancellationToken));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        string domain, IDirectoryStore directory, CancellationToken cancellationToken, bool withUsers = false)
    {
        var change = await directory.RemoveDomainAsync(domain, withUsers, cancellationToken);
        return AdminProblem.From(change, "domain", domain,
            $"{domain} has users; withUsers=true removes them with their mail.") is { } problem
            ? problem
            : TypedResults.NoContent();
    }

    private static async ValueTask<DomainView> ViewAsync(
        DomainRecord row, IDirectoryStore directory, CancellationToken cancellationToken) =>
        new(row.Name, (await directory.FindTenantAsync(row.Tenant, cancellationToken))?.Name ?? "");
}
