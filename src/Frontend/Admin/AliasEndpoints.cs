using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

internal static class AliasEndpoints
{
    /// <summary>One message to an alias is one message per target: a list server is for more.</summary>
    public const int TargetsMax = 1000;

    private const string Tag = "Aliases";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapGet("/domains/{domain}/aliases", ListAsync).WithTags(Tag).WithName("listAliases")
            .WithSummary("The aliases of a domain, by name").ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPost("/aliases", AddAsync).WithTags(Tag).WithName("addAlias").WithSummary("Adds an alias")
            .WithDescription("Its targets are users or aliases; mail to it goes to each of them once.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        admin.MapDelete("/aliases/{address}", RemoveAsync).WithTags(Tag).WithName("removeAlias")
            .WithSummary("Removes an alias")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<Page<AliasView>>, ProblemHttpResult>> ListAsync(
        string domain, [AsParameters] PageRequest page, IDirectoryStore directory, CancellationToken cancellationToken)
    {
        if (page.Fault is { } fault)
        {
            return fault;
        }

        if (await directory.FindDomainAsync(domain, cancellationToken) is null)
        {
            return AdminProblem.NotFound("domain", domain);
        }

        var rows = await directory.ListAliasesAsync(domain, page.After, page.Asked, cancellationToken);
        return TypedResults.Ok(page.Of(rows, View, row => row.LocalPart));
    }

    private static async Task<Results<Created<AliasView>, ProblemHttpResult>> AddAsync(
        AliasView alias, IDirectoryStore directory, CancellationToken cancellationToken)
    {
        if (!MailAddressText.TrySplit(alias.Address, out var localPart, out var domain, out var fault))
        {
            return AdminProblem.Invalid("The address", fault);
        }

        if (alias.Targets.Count is 0 or > TargetsMax)
        {
            return AdminProblem.Invalid("The list of targets", $"An alias has 1 to {TargetsMax} targets.");
        }

        foreach (var target in alias.Targets)
        {
            if (!MailAddressText.TrySplit(target, out _, out _, out fault))
            {
                return AdminProblem.Invalid($"The target {target}", fault);
            }
        }

        if (await directory.FindDomainAsync(domain, cancellationToken) is null)
        {
            return AdminProblem.NotFound("domain", domain);
        }

        if (await directory.FindAccountAsync(localPart, domain, cancellationToken) is not null)
        {
            return AdminProblem.Of(
                StatusCodes.Status409Conflict, "The address is a user", $"{alias.Address} has a mailbox.");
        }

        ImmutableArray<string> targets = [.. alias.Targets.Distinct(StringComparer.OrdinalIgnoreCase)];
        var change = await directory.AddAliasAsync(localPart, domain, targets, cancellationToken);
        return AdminProblem.From(change, "alias", alias.Address, $"{alias.Address} would lead to itself.")
            is { } problem
            ? problem
            : TypedResults.Created(
                $"{AdminEndpoints.Prefix}/aliases/{alias.Address}", new AliasView(alias.Address, targets));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        string address, IDirectoryStore directory, CancellationToken cancellationToken)
    {
        var change = MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            ? await directory.RemoveAliasAsync(localPart, domain, cancellationToken)
            : DirectoryChange.NotFound;
        return AdminProblem.From(change, "alias", address, "The alias does not fit.") is { } problem ? problem
            : TypedResults.NoContent();
    }

    private static AliasView View(AliasRecord row) => new($"{row.LocalPart}@{row.DomainName}", row.Targets);
}
