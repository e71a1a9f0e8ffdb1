using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MailCluster.LoadTest;

/// <summary>What a run asks of a node's admin API: users, the queue, figures.</summary>
internal sealed class AdminApi : IDisposable
{
    private const int PageSize = 500;

    /// <summary>Users made at once: a node derives keys for each, which takes its processors.</summary>
    private const int UsersAtOnce = 4;

    private readonly HttpClient _http;

    public AdminApi(Uri address, string? token)
    {
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = address,
            Timeout = TimeSpan.FromSeconds(30),
        };
        if (token is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The domains with their tenants, then the users with their passwords; what is there is kept.</summary>
    public async Task MakeAsync(Clients.Population users, Action<int> progress, CancellationToken cancellationToken)
    {
        for (var tenant = 0; tenant < users.Plan.Tenants; tenant++)
        {
            var domain = users.DomainOf(tenant);
            await SendAsync(HttpMethod.Post, "domains", JsonContent.Create(
                new DomainBody(domain, domain), AdminApiJson.Default.DomainBody), cancellationToken);
        }

        var made = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, users.Count),
            new ParallelOptions { MaxDegreeOfParallelism = UsersAtOnce, CancellationToken = cancellationToken },
            async (user, stop) =>
            {
                var address = users.AddressText(user);
                var status = await SendAsync(HttpMethod.Post, "users", JsonContent.Create(
                    new UserBody(address, users.PasswordText(user)), AdminApiJson.Default.UserBody), stop);
                if (status == HttpStatusCode.Conflict)
                {
                    await SendAsync(HttpMethod.Put, $"users/{Uri.EscapeDataString(address)}/password",
                        JsonContent.Create(new PasswordBody(users.PasswordText(user)),
                            AdminApiJson.Default.PasswordBody), stop);
                }

                progress(Interlocked.Increment(ref made));
            });
    }

    /// <summary>Queue ids of what waits for a mailbox.</summary>
    public async Task<HashSet<string>> QueuedAsync(string mailbox, CancellationToken cancellationToken)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        string? after = null;
        do
        {
            var path = $"admin/v1/queue?limit={PageSize}&mailbox={Uri.EscapeDataString(mailbox)}"
                + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}");
            var page = await _http.GetFromJsonAsync(path, AdminApiJson.Default.QueuePage, cancellationToken);
            ids.UnionWith(page?.Items.Select(row => row.Message) ?? []);
            after = page?.Next;
        }
        while (after is not null);
        return ids;
    }

    /// <summary>The Prometheus text of /metrics, or null when nobody answers.</summary>
    public async Task<string?> MetricsAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _http.GetStringAsync("metrics", cancellationToken);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    private async Task<HttpStatusCode> SendAsync(
        HttpMethod method, string path, HttpContent body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, $"admin/v1/{path}") { Content = body };
        HttpResponseMessage answer;
        try
        {
            answer = await _http.SendAsync(request, cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            throw new LoadFaultException(
                $"No node answers at {_http.BaseAddress}: {exception.Message}",
                "Start one with ./run.sh, or say where its admin API is with \"admin\" of the target.");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LoadFaultException($"The node at {_http.BaseAddress} did not answer within 30 s.");
        }

        using (answer)
        {
            if (answer.StatusCode == HttpStatusCode.Unauthorized)
            {
                throw new LoadFaultException(
                    $"The node at {_http.BaseAddress} does not take this admin token. It is in admin.token of the node's data directory: --token-file names it.");
            }

            return answer.IsSuccessStatusCode || answer.StatusCode == HttpStatusCode.Conflict
                ? answer.StatusCode
                : throw new LoadFaultException(
                    $"{method} {path} at {_http.BaseAddress}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellationToken)}");
        }
    }
}

internal sealed record DomainBody(string Name, string Tenant);

internal sealed record UserBody(string Address, string Password);

internal sealed record PasswordBody(string Password);

internal sealed record QueueRow(string Message);

internal sealed record QueuePage(IReadOnlyList<QueueRow> Items, string? Next);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(DomainBody))]
[JsonSerializable(typeof(UserBody))]
[JsonSerializable(typeof(PasswordBody))]
[JsonSerializable(typeof(QueuePage))]
internal sealed partial class AdminApiJson : JsonSerializerContext;
