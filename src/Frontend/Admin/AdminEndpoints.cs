using System.Text.Json;
using System.Text.Json.Serialization;

namespace MailCluster.Frontend.Admin;

/// <summary>The admin API: what the command line does, for programs. Every operation asks for the token.</summary>
internal static class AdminEndpoints
{
    public const string Prefix = "/admin/v1";

    /// <summary>Rows of a page when the client names no number, and the most that it may name.</summary>
    public const int PageSize = 100;

    public const int PageSizeMax = 1000;

    /// <summary>How requests are read: what is missing, null or unknown is refused and not guessed.</summary>
    public static void ReadStrictly(JsonSerializerOptions json)
    {
        json.TypeInfoResolverChain.Insert(0, AdminJson.Default);
        json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        json.RespectRequiredConstructorParameters = true;
        json.RespectNullableAnnotations = true;
    }

    public static void MapAdmin(this IEndpointRouteBuilder routes)
    {
        var admin = routes.MapGroup(Prefix)
            .AddEndpointFilter(new AdminTokenFilter())
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        DomainEndpoints.Map(admin);
        UserEndpoints.Map(admin);
        AliasEndpoints.Map(admin);
        MailboxEndpoints.Map(admin);
        MessageEndpoints.Map(admin);
        QueueEndpoints.Map(admin);
        QuotaEndpoints.Map(admin);
        ClusterEndpoints.Map(admin);
    }
}
