using Microsoft.Net.Http.Headers;

namespace MailCluster.Frontend.Admin;

/// <summary>401 with a challenge (RFC 6750 §3) for whoever does not show the token.</summary>
internal sealed class AdminTokenFilter : IEndpointFilter
{
    private const string Scheme = "Bearer ";

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var token = context.HttpContext.RequestServices.GetRequiredService<AdminToken>();
        var header = context.HttpContext.Request.Headers.Authorization.ToString();
        if (header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && token.Matches(header[Scheme.Length..].Trim()))
        {
            return next(context);
        }

        var challenge = header.Length == 0 ? "Bearer realm=\"mailcluster\""
            : "Bearer realm=\"mailcluster\", error=\"invalid_token\"";
        context.HttpContext.Response.Headers[HeaderNames.WWWAuthenticate] = challenge;
        return ValueTask.FromResult<object?>(AdminProblem.Of(
            StatusCodes.Status401Unauthorized, "The admin token is missing or wrong",
            "Send \"Authorization: Bearer\" with the content of the file that Http.AdminTokenFile names."));
    }
}
