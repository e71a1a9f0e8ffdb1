using System.Text.Json;
using MailCluster.Actors.Storage;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace MailCluster.Frontend.Admin;

/// <summary>
/// A request that cannot be read is 400 and says where; a store that cannot answer is 503, for which clients try again;
/// anything else that is thrown is our fault and 500.
/// </summary>
internal sealed class FaultHandler(IProblemDetailsService problems) : IExceptionHandler
{
    public ValueTask<bool> TryHandleAsync(
        HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        var problem = exception switch
        {
            BadHttpRequestException bad => new ProblemDetails
            {
                Status = bad.StatusCode,
                Title = "The request cannot be read",
                Detail = bad.InnerException is JsonException json ? json.Message : bad.Message,
            },
            StoreUnavailableException => new ProblemDetails
            {
                Status = StatusCodes.Status503ServiceUnavailable,
                Title = "The store does not answer",
                Detail = "Whether the change was made is not known; look, then try again.",
            },
            _ => null,
        };
        if (problem is null)
        {
            return ValueTask.FromResult(false);
        }

        httpContext.Response.StatusCode = problem.Status!.Value;
        return problems.TryWriteAsync(
            new ProblemDetailsContext { HttpContext = httpContext, ProblemDetails = problem });
    }
}
