using Microsoft.OpenApi;

namespace MailCluster.Frontend.Admin;

/// <summary>The OpenAPI document at /openapi/v1.json.</summary>
internal static class AdminDocument
{
    private const string Scheme = "adminToken";

    public static void AddAdminDocument(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "MailCluster node",
                Version = "v1",
                Description =
                    "Domains, users, aliases, mailboxes, quotas and the queue of a running node, and its health. Failures are problem details (RFC 9457).",
            };
            document.Servers = [];
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
            document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "The content of the file that Http.AdminTokenFile names, made at first start (RFC 6750).",
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.RelativePath?.StartsWith(
                AdminEndpoints.Prefix[1..], StringComparison.Ordinal) == true)
            {
                OpenApiSecuritySchemeReference bearer = new(Scheme, context.Document);
                operation.Security = [new OpenApiSecurityRequirement { [bearer] = [] }];
            }

            return Task.CompletedTask;
        });
    });
}
