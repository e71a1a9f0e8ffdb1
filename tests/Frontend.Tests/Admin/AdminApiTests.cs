using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using MailCluster.Frontend.Admin;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Admin;

public sealed class AdminApiTests(RunningNode node) : IClassFixture<RunningNode>
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_domain_a_user_and_an_alias_live_from_post_to_delete()
    {
        using var client = node.Client();

        Assert.Equal(HttpStatusCode.Created,
            (await Post(client, "domains", new { name = "life.test", tenant = "Life Ltd" })).StatusCode);
        Assert.Equal(HttpStatusCode.Created,
            (await Post(client, "users", new { address = "ann@life.test", password = "s3cret" })).StatusCode);
        Assert.Equal(
            HttpStatusCode.Created,
            (await Post(client, "aliases", new { address = "info@life.test", targets = new[] { "ann@life.test" } }))
            .StatusCode);

        var domains = await client.GetFromJsonAsync<JsonElement>("/admin/v1/domains", Cancelled);
        Assert.Contains(domains.GetProperty("items").EnumerateArray(), domain =>
            domain.GetProperty("name").GetString() == "life.test" && domain.GetProperty("tenant")
                .GetString() == "Life Ltd");
        var user = await client.GetFromJsonAsync<JsonElement>("/admin/v1/users/ANN@life.test", Cancelled);
        Assert.True(user.GetProperty("canLogIn").GetBoolean());
        var mailbox = await client.GetFromJsonAsync<JsonElement>("/admin/v1/mailboxes/ann@life.test", Cancelled);
        Assert.Equal(0, mailbox.GetProperty("messages").GetInt64());

        Assert.Equal(
            HttpStatusCode.Conflict, (await client.DeleteAsync("/admin/v1/domains/life.test", Cancelled)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/admin/v1/aliases/info@life.test", Cancelled))
            .StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync("/admin/v1/users/ann@life.test", Cancelled))
            .StatusCode);
        Assert.Equal(
            HttpStatusCode.NotFound, (await client.GetAsync("/admin/v1/users/ann@life.test", Cancelled)).StatusCode);
        Assert.Equal(
            HttpStatusCode.NoContent, (await client.DeleteAsync("/admin/v1/domains/life.test", Cancelled)).StatusCode);
    }

    [Fact]
    public async Task A_password_and_a_suspension_change_the_account()
    {
        using var client = node.Client();
        await Post(client, "domains", new { name = "pass.test" });
        await Post(client, "users", new { address = "ann@pass.test", password = "one" });
        var before = await node.Node.Store.Directory.FindAccountAsync("ann", "pass.test", Cancelled);

        var password =
            await client.PutAsJsonAsync("/admin/v1/users/ann@pass.test/password", new { password = "two" }, Cancelled);
        var suspension = await client.PutAsJsonAsync(
            "/admin/v1/users/ann@pass.test/suspension", new { suspended = true }, Cancelled);

        Assert.Equal(HttpStatusCode.NoContent, password.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, suspension.StatusCode);
        var after = await node.Node.Store.Directory.FindAccountAsync("ann", "pass.test", Cancelled);
        Assert.NotEqual(before!.Keys!.Salt, after!.Keys!.Salt);
        Assert.True(after.Suspended);
        Assert.True(after.CredentialVersion > before.CredentialVersion);
    }

    [Theory]
    [InlineData("domains", """{"name":""}""", 400)]
    [InlineData("domains", """{"name":"-a.test"}""", 400)]
    [InlineData("domains", """{"name":"a..test"}""", 400)]
    [InlineData("domains", """{"name":"a b.test"}""", 400)]
    [InlineData("domains", """{"name":"a.test","tenant":""}""", 400)]
    [InlineData("domains", """{"naem":"a.test"}""", 400)]
    [InlineData("domains", """{"name":null}""", 400)]
    [InlineData("domains", "{", 400)]
    [InlineData("users", """{"address":"nobody","password":"x"}""", 400)]
    [InlineData("users", """{"address":"a b@x.test","password":"x"}""", 400)]
    [InlineData("users", """{"address":".a@x.test","password":"x"}""", 400)]
    [InlineData("users", """{"address":"a@x.test","password":""}""", 400)]
    [InlineData("users", """{"address":"a@x.test","password":"a\u0000b"}""", 400)]
    [InlineData("users", """{"address":"a@no-such-domain.test","password":"x"}""", 404)]
    [InlineData("aliases", """{"address":"a@no-such-domain.test","targets":["b@x.test"]}""", 404)]
    [InlineData("aliases", """{"address":"a@x.test","targets":[]}""", 400)]
    [InlineData("aliases", """{"address":"a@x.test","targets":["b"]}""", 400)]
    public async Task What_is_not_valid_is_refused_with_problem_details(string path, string body, int status)
    {
        using var client = node.Client();

        using var answer = await client.PostAsync(
            $"/admin/v1/{path}", new StringContent(body, Encoding.UTF8, "application/json"), Cancelled);

        await AssertProblem(answer, (HttpStatusCode)status);
    }

    [Fact]
    public async Task What_is_there_already_is_a_conflict()
    {
        using var client = node.Client();
        await Post(client, "domains", new { name = "twice.test" });
        await Post(client, "users", new { address = "ann@twice.test", password = "x" });

        await AssertProblem(await Post(client, "domains", new { name = "TWICE.test" }), HttpStatusCode.Conflict);
        await AssertProblem(
            await Post(client, "users", new { address = "Ann@twice.test", password = "x" }), HttpStatusCode.Conflict);
        await AssertProblem(
            await Post(
                client, "aliases", new { address = "ann@twice.test", targets = new[] { "postmaster@twice.test" } }),
                HttpStatusCode.Conflict);
        await AssertProblem(
            await Post(client, "aliases", new { address = "loop@twice.test", targets = new[] { "loop@twice.test" } }),
            HttpStatusCode.Conflict);
    }

    [Theory]
    [InlineData("GET", "/admin/v1/users/no@no.test")]
    [InlineData("GET", "/admin/v1/mailboxes/no@no.test")]
    [InlineData("GET", "/admin/v1/domains/no.test/users")]
    [InlineData("GET", "/admin/v1/domains/no.test/aliases")]
    [InlineData("DELETE", "/admin/v1/domains/no.test")]
    [InlineData("DELETE", "/admin/v1/users/no@no.test")]
    [InlineData("DELETE", "/admin/v1/aliases/no@no.test")]
    [InlineData("GET", "/admin/v1/nothing")]
    public async Task What_is_not_there_is_not_found(string method, string path)
    {
        using var client = node.Client();

        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancelled);

        await AssertProblem(answer, HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_list_comes_in_pages_that_meet_without_a_gap()
    {
        using var client = node.Client();
        await Post(client, "domains", new { name = "pages.test" });
        foreach (var name in (string[])["c", "a", "b", "d"])
        {
            await Post(client, "users", new { address = $"{name}@pages.test", password = "x" });
        }

        var seen = new List<string>();
        string? after = null;
        do
        {
            var page = await client.GetFromJsonAsync<JsonElement>(
                $"/admin/v1/domains/pages.test/users?limit=2{(after is null ? "" : $"&after={after}")}", Cancelled);
            var items = page.GetProperty("items").EnumerateArray().ToList();
            Assert.InRange(items.Count, 1, 2);
            seen.AddRange(items.Select(item => item.GetProperty("address").GetString()!));
            after = page.GetProperty("next").GetString();
        }
        while (after is not null);

        Assert.Equal(["a@pages.test", "b@pages.test", "c@pages.test", "d@pages.test", "postmaster@pages.test"], seen);
        await AssertProblem(await client.GetAsync("/admin/v1/domains?limit=0", Cancelled), HttpStatusCode.BadRequest);
        await AssertProblem(
            await client.GetAsync("/admin/v1/domains?limit=1001", Cancelled), HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer")]
    [InlineData("Bearer wrong")]
    [InlineData("Basic YTpi")]
    public async Task Without_the_token_nothing_is_told_and_a_challenge_is_sent(string? authorization)
    {
        using var client = new HttpClient { BaseAddress = node.Url };
        foreach (var endpoint in AdminRoutes())
        {
            using var request = new HttpRequestMessage(
                new HttpMethod(endpoint.Method), endpoint.Path.Replace("{domain}", "x.test", StringComparison.Ordinal)
                    .Replace("{address}", "a@x.test", StringComparison.Ordinal));
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
            if (endpoint.Method is "POST" or "PUT" or "PATCH")
            {
                request.Content = JsonContent.Create(Body(endpoint.Path));
            }

            using var answer = await client.SendAsync(request, Cancelled);

            await AssertProblem(answer, HttpStatusCode.Unauthorized);
            Assert.Equal("Bearer", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
        }
    }

    [Fact]
    public void The_token_file_is_its_owners_alone_and_holds_32_octets()
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(node.TokenFile));
        Assert.Matches("^[0-9a-f]{64}\n$", File.ReadAllText(node.TokenFile));
    }

    [Fact]
    public async Task The_document_describes_every_operation_and_asks_for_the_token()
    {
        using var client = new HttpClient { BaseAddress = node.Url };
        var document = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Cancelled);

        Assert.StartsWith("3.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        var scheme = document.GetProperty("components").GetProperty("securitySchemes").GetProperty("adminToken");
        Assert.Equal("bearer", scheme.GetProperty("scheme").GetString());
        var names = new HashSet<string>();
        foreach (var (method, path) in AdminRoutes())
        {
            var operation = document.GetProperty("paths").GetProperty(path).GetProperty(method.ToLowerInvariant());
            Assert.NotEqual("", operation.GetProperty("summary").GetString());
            Assert.True(names.Add(operation.GetProperty("operationId").GetString()!));
            Assert.True(operation.GetProperty("responses").TryGetProperty("401", out _));
            Assert.True(
                Assert.Single(operation.GetProperty("security").EnumerateArray()).TryGetProperty("adminToken", out _));
        }

        Assert.Equal(27, names.Count);
        AssertReferences(document, document);
    }

    private static object Body(string path) => path switch
    {
        _ when path.EndsWith("/domains", StringComparison.Ordinal) => new { name = "x.test" },
        _ when path.EndsWith("/users", StringComparison.Ordinal) => new { address = "a@x.test", password = "x" },
        _ when path.EndsWith("/aliases", StringComparison.Ordinal) =>
            new { address = "a@x.test", targets = new[] { "b@x.test" } },
        _ when path.EndsWith("/password", StringComparison.Ordinal) => new { password = "x" },
        _ when path.EndsWith("/known", StringComparison.Ordinal) => new { keys = new[] { "x" } },
        _ when path.Contains("/quotas/", StringComparison.Ordinal) => new { storage = "none" },
        _ => new { suspended = true },
    };

    /// <summary>Every "$ref" leads to something.</summary>
    private static void AssertReferences(JsonElement document, JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                AssertReferences(document, item);
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in element.EnumerateObject())
            {
                if (property.NameEquals("$ref"))
                {
                    var found = document;
                    foreach (var step in property.Value.GetString()!.Split('/')[1..])
                    {
                        found = found.GetProperty(step);
                    }
                }

                AssertReferences(document, property.Value);
            }
        }
    }

    private static async Task AssertProblem(HttpResponseMessage answer, HttpStatusCode status)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled);
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
    }

    private static Task<HttpResponseMessage> Post(HttpClient client, string path, object body) =>
        client.PostAsJsonAsync($"{AdminEndpoints.Prefix}/{path}", body, Cancelled);

    private List<(string Method, string Path)> AdminRoutes() =>
        [.. node.Node.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint =>
                endpoint.RoutePattern.RawText?.StartsWith(AdminEndpoints.Prefix, StringComparison.Ordinal) == true)
            .Select(endpoint => (
                endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods[0],
                endpoint.RoutePattern.RawText!))];
}
