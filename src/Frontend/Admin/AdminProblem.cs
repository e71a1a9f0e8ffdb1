using MailCluster.Actors.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

/// <summary>Problem details (RFC 9457): the title names the case, the detail names the thing.</summary>
internal static class AdminProblem
{
    public static ProblemHttpResult Of(int status, string title, string detail) =>
        TypedResults.Problem(detail: detail, statusCode: status, title: title);

    public static ProblemHttpResult Invalid(string what, string fault) =>
        Of(StatusCodes.Status400BadRequest, $"{what} is not valid", fault);

    public static ProblemHttpResult NotFound(string what, string name) =>
        Of(StatusCodes.Status404NotFound, $"No such {what}", $"There is no {what} {name}.");

    /// <summary>Null when the change was done.</summary>
    public static ProblemHttpResult? From(DirectoryChange change, string what, string name, string conflict) =>
        change switch
    {
        DirectoryChange.Done => null,
        DirectoryChange.AlreadyExists =>
            Of(StatusCodes.Status409Conflict, $"The {what} exists", $"There is a {what} {name} already."),
        DirectoryChange.NotFound => NotFound(what, name),
        _ => Of(StatusCodes.Status409Conflict, "The change does not fit", conflict),
    };
}
