using MailCluster.Actors.Accounts;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Accounts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

internal static class UserEndpoints
{
    private const string Tag = "Users";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapGet("/domains/{domain}/users", ListAsync).WithTags(Tag).WithName("listUsers")
            .WithSummary("The users of a domain, by name").ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPost("/users", AddAsync).WithTags(Tag).WithName("addUser").WithSummary("Adds a user with a mailbox")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        admin.MapGet("/users/{address}", FindAsync).WithTags(Tag).WithName("getUser").WithSummary("One user")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPut("/users/{address}/password", SetPasswordAsync).WithTags(Tag).WithName("setPassword")
            .WithSummary("Sets a password").WithDescription("The old one is refused from now on; open sessions run on.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPut("/users/{address}/suspension", SuspendAsync).WithTags(Tag).WithName("suspendUser")
            .WithSummary("Suspends a user, or undoes it")
                .WithDescription("A suspended user cannot log in; the mailbox keeps its mail.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapDelete("/users/{address}", RemoveAsync).WithTags(Tag).WithName("removeUser")
            .WithSummary("Removes a user with the mailbox and all its mail")
                .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<Results<Ok<Page<UserView>>, ProblemHttpResult>> ListAsync(
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

        var rows = await directory.ListAccountsAsync(domain, page.After, page.Asked, cancellationToken);
        return TypedResults.Ok(page.Of(rows, View, row => row.LocalPart));
    }

    private static async Task<Results<Created<UserView>, ProblemHttpResult>> AddAsync(
        NewUser user, IDirectoryStore directory, LogonOptions passwords, CancellationToken cancellationToken)
    {
        if (!MailAddressText.TrySplit(user.Address, out var localPart, out var domain, out var fault))
        {
            return AdminProblem.Invalid("The address", fault);
        }

        if (!PasswordText.TryPrepare(user.Password, out _))
        {
            return BadPassword();
        }

        if (await directory.FindDomainAsync(domain, cancellationToken) is null)
        {
            return AdminProblem.NotFound("domain", domain);
        }

        if (await directory.FindAliasAsync(localPart, domain, cancellationToken) is not null)
        {
            return AdminProblem.Of(
                StatusCodes.Status409Conflict, "The address is an alias", $"Remove the alias {user.Address} first.");
        }

        var keys = PasswordHasher.Hash(user.Password, passwords.ScramIterations);
        if (await directory.AddAccountsAsync(domain, [(localPart, keys)], cancellationToken) == 0)
        {
            return AdminProblem.Of(
                StatusCodes.Status409Conflict, "The user exists", $"There is a user {user.Address} already.");
        }

        var added = await directory.FindAccountAsync(localPart, domain, cancellationToken);
        return added is null
            ? AdminProblem.NotFound("user", user.Address)
            : TypedResults.Created($"{AdminEndpoints.Prefix}/users/{added.Address}", View(added));
    }

    private static async Task<Results<Ok<UserView>, ProblemHttpResult>> FindAsync(
        string address, IDirectoryStore directory, CancellationToken cancellationToken) =>
        MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            && await directory.FindAccountAsync(localPart, domain, cancellationToken) is { } found
            ? TypedResults.Ok(View(found))
            : AdminProblem.NotFound("user", address);

    private static async Task<Results<NoContent, ProblemHttpResult>> SetPasswordAsync(
        string address, NewPassword password, IDirectoryStore directory, LogonOptions passwords,
        CancellationToken cancellationToken)
    {
        if (!PasswordText.TryPrepare(password.Password, out _))
        {
            return BadPassword();
        }

        if (!MailAddressText.TrySplit(address, out var localPart, out var domain, out _))
        {
            return AdminProblem.NotFound("user", address);
        }

        var keys = PasswordHasher.Hash(password.Password, passwords.ScramIterations);
        return Answer(await directory.SetKeysAsync(localPart, domain, keys, cancellationToken), address);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> SuspendAsync(
        string address, Suspension suspension, IDirectoryStore directory, CancellationToken cancellationToken) =>
        MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            ? Answer(
                await directory.SetSuspendedAsync(localPart, domain, suspension.Suspended, cancellationToken), address)
            : AdminProblem.NotFound("user", address);

    private static async Task<Results<NoContent, ProblemHttpResult>> RemoveAsync(
        string address, IDirectoryStore directory, CancellationToken cancellationToken) =>
        MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            ? Answer(await directory.RemoveAccountAsync(localPart, domain, cancellationToken), address)
            : AdminProblem.NotFound("user", address);

    private static Results<NoContent, ProblemHttpResult> Answer(DirectoryChange change, string address) =>
        AdminProblem.From(change, "user", address, $"{address} stays as long as its domain does (RFC 5321 §4.5.1).")
            is { } problem
            ? problem
            : TypedResults.NoContent();

    private static ProblemHttpResult BadPassword() => AdminProblem.Invalid(
        "The password", $"1 to {PasswordText.LengthMax} characters, no control characters");

    private static UserView View(AccountRecord row) =>
        new(row.Address, row.Keys is not null, row.Suspended, row.Id.Value);
}
