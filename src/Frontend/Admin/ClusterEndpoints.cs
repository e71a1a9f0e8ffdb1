using MailCluster.Frontend.Cluster;
using Microsoft.AspNetCore.Http.HttpResults;

namespace MailCluster.Frontend.Admin;

/// <summary>Who is there and who has what; any node tells, and any node takes another one out.</summary>
internal static class ClusterEndpoints
{
    private const string Tag = "Cluster";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapGet("/cluster", ShowAsync).WithTags(Tag).WithName("showCluster")
            .WithSummary("Nodes, their states, leases and shards")
            .WithDescription("404 on a node with a store of its own (Store.Kind Sqlite).")
            .ProducesProblem(StatusCodes.Status404NotFound);
        admin.MapPost("/cluster/nodes/{name}/drain", DrainAsync).WithTags(Tag).WithName("drainNode")
            .WithSummary("Has a node hand its shards over, let its sessions finish, and end")
            .WithDescription("Answers at once, with what the table says then; as SIGTERM on that node.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<ClusterView>, ProblemHttpResult>> ShowAsync(
        IServiceProvider services, CancellationToken cancellationToken) =>
        services.GetService<ClusterNode>() is { } cluster
            ? TypedResults.Ok(await cluster.DescribeAsync(cancellationToken))
            : Alone();

    private static async Task<Results<Ok<ClusterView>, ProblemHttpResult>> DrainAsync(
        string name, IServiceProvider services, CancellationToken cancellationToken)
    {
        if (services.GetService<ClusterNode>() is not { } cluster)
        {
            return Alone();
        }

        return await cluster.RequestDrainAsync(name, cancellationToken)
            ? TypedResults.Ok(await cluster.DescribeAsync(cancellationToken))
            : AdminProblem.NotFound("node that runs", name);
    }

    private static ProblemHttpResult Alone() => TypedResults.Problem(
        "This node has a store of its own (Store.Kind Sqlite); a cluster stands on PostgreSql.",
        statusCode: StatusCodes.Status404NotFound, title: "No cluster");
}
