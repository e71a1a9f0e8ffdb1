using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

/// <summary>The admin API seen from the command line: every refusal becomes one message and one exit code.</summary>
internal sealed class AdminClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>The slowest way that an upload may take, octets per second; below it the node counts as gone.</summary>
    private const long UploadOctetsPerSecondMin = 128 * 1024;

    private readonly HttpClient _http;

    public AdminClient(Uri address, string? token)
    {
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = address,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (token is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public void Dispose() => _http.Dispose();

    public static string Escape(string segment) => Uri.EscapeDataString(segment);

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var answer =
            await SendAsync(new HttpRequestMessage(HttpMethod.Get, Url(path)), Patience, cancellationToken);
        return await ReadAsync(answer, type, cancellationToken);
    }

    /// <summary>Every page of a list.</summary>
    public async Task<List<T>> ListAsync<T>(
        string path, JsonTypeInfo<Page<T>> type, CancellationToken cancellationToken)
    {
        var items = new List<T>();
        string? after = null;
        do
        {
            var query = after is null ? "" : $"&after={Escape(after)}";
            var page = await GetAsync($"{path}?limit={AdminEndpoints.PageSizeMax}{query}", type, cancellationToken);
            items.AddRange(page.Items);
            after = page.Next;
        }
        while (after is not null);
        return items;
    }

    public async Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var answer =
            await SendAsync(new HttpRequestMessage(HttpMethod.Post, Url(path)), Patience, cancellationToken);
        return await ReadAsync(answer, type, cancellationToken);
    }

    public async Task SendAsync<T>(
        HttpMethod method, string path, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, Url(path)) { Content = JsonContent.Create(body, type) };
        using var answer = await SendAsync(request, Patience, cancellationToken);
    }

    public Task<TAnswer> PostAsync<TBody, TAnswer>(
        string path, TBody body, JsonTypeInfo<TBody> type, JsonTypeInfo<TAnswer> answerType,
        CancellationToken cancellationToken) =>
        PostAsync(path, JsonContent.Create(body, type), 0, answerType, cancellationToken);

    /// <summary>Sends something large.</summary>
    /// <param name="octets">Of the content, about.</param>
    public async Task<T> PostAsync<T>(
        string path, HttpContent content, long octets, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Url(path)) { Content = content };
        var patience = Patience + TimeSpan.FromSeconds(octets / UploadOctetsPerSecondMin);
        using var answer = await SendAsync(request, patience, cancellationToken);
        return await ReadAsync(answer, type, cancellationToken);
    }

    public async Task DeleteAsync(string path, CancellationToken cancellationToken)
    {
        using var answer =
            await SendAsync(new HttpRequestMessage(HttpMethod.Delete, Url(path)), Patience, cancellationToken);
    }

    private static async Task<T> ReadAsync<T>(
        HttpResponseMessage answer, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.Content.ReadFromJsonAsync(type, cancellationToken)
                ?? throw new CommandException(
                    ExitCode.NoNode, $"{answer.RequestMessage?.RequestUri} gave an empty answer.");
        }
        catch (JsonException)
        {
            throw new CommandException(
                ExitCode.NoNode, $"What answers at {answer.RequestMessage?.RequestUri} is not a MailCluster node.");
        }
    }

    private static string Url(string path) => $"{AdminEndpoints.Prefix}/{path}";

    private async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, TimeSpan patience, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            answer = await _http.SendAsync(request, deadline.Token);
        }
        catch (HttpRequestException exception)
        {
            throw new CommandException(ExitCode.NoNode,
                $"No node answers at {_http.BaseAddress}: {exception.Message}{Environment.NewLine}"
                    + "Start one with \"mailcluster serve\" (or ./run.sh), or say where it is with --url.")
            {
                MayPass = true,
            };
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(
                ExitCode.NoNode, $"The node at {_http.BaseAddress} did not answer within {patience.TotalSeconds} s.")
            {
                MayPass = true,
            };
        }

        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            var said = await ReasonAsync(answer, cancellationToken);
            throw answer.StatusCode == HttpStatusCode.Unauthorized
                ? new CommandException(ExitCode.NotAllowed,
                    _http.DefaultRequestHeaders.Authorization is null
                        ? $"The node at {_http.BaseAddress} wants its admin token: --token-file names the file (admin.token in its data directory)."
                        : $"The node at {_http.BaseAddress} does not take this admin token.")
                : new CommandException(ExitCode.Refused, said)
                {
                    MayPass = answer.StatusCode
                        is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests,
                };
        }
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            var problem = await answer.Content.ReadFromJsonAsync(AdminJson.Default.ProblemDetails, cancellationToken);
            if (problem?.Title is { } title)
            {
                return problem.Detail is { } detail ? $"{title}: {detail}" : title;
            }
        }
        catch (JsonException)
        {
            // Not from our API; the status has to do.
        }

        return $"The node answered {(int)answer.StatusCode} {answer.ReasonPhrase}.";
    }
}
