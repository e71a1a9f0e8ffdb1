using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using MailCluster.Frontend.Admin;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace MailCluster.Frontend.Tests.Admin;

public sealed class MessageEndpointTests(RunningNode node) : IClassFixture<RunningNode>
{
    private const string Date = "2011-07-08T12:08:34Z";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0009")]
    public async Task Messages_are_stored_in_order_with_their_ids_dates_and_flags()
    {
        using var client = node.Client();
        await AddUserAsync(client, "order.test");
        var results = await UploadAsync(
            client, "ann@order.test", Part("k1", "one", "id-1", "seen flagged"), Part("k2", "two"),
            Part("k3", new string('x', 300_000)));

        Assert.Equal(["stored", "stored", "stored"], results);
        var account = await node.Node.Store.Directory.FindAccountAsync("ann", "order.test", Cancelled);
        var image = (await node.Node.Store.Mailboxes.LoadAsync(account!.Id.Mailbox, Cancelled))!;
        Assert.Equal([3u, 3u, 300_000u], image.Inbox.Select(entry => entry.Octets));
        Assert.Equal([5u, 5u, 300_002u], image.Inbox.Select(entry => entry.WireOctets));
        Assert.Equal("id-1"u8, image.ForeignUniqueIds!.Of(image.Inbox[0].Number));
        var view = await client.GetFromJsonAsync<JsonElement>("/admin/v1/mailboxes/ann@order.test", Cancelled);
        Assert.Equal(DateTimeOffset.Parse(Date, null), view.GetProperty("oldest").GetDateTimeOffset());
    }

    [Fact]
    public async Task What_came_before_is_known_and_not_stored_again()
    {
        using var client = node.Client();
        await AddUserAsync(client, "again.test");
        await UploadAsync(client, "ann@again.test", Part("k1", "one", "id-1"));

        var results = await UploadAsync(
            client, "ann@again.test", Part("k1", "one", "id-1"), Part("k2", "two", "id-1"), Part("k3", "three"),
            Part("k3", "three"));
        var known = await client.PostAsJsonAsync(
            "/admin/v1/mailboxes/ann@again.test/messages/known", new { keys = new[] { "k3", "k2", "k1" } }, Cancelled);

        Assert.Equal(["alreadyThere", "refused", "stored", "alreadyThere"], results);
        Assert.Equal("""{"keys":["k3","k1"]}""", await known.Content.ReadAsStringAsync(Cancelled));
    }

    [Theory]
    [InlineData(null, Date, null, null, "Idempotency-Key")]
    [InlineData("a b", Date, null, null, "Idempotency-Key")]
    [InlineData("k", "yesterday", null, null, "Internal-Date")]
    [InlineData("k", null, null, null, "Internal-Date")]
    [InlineData("k", Date, "a b", null, "Unique-Id")]
    [InlineData("k", Date, null, "seen 2", "Flags")]
    [InlineData("k", Date, null, "recent", "Flags")]
    public async Task A_part_with_unusable_headers_is_refused_with_the_reason_and_the_others_are_stored(
        string? key, string? date, string? uniqueId, string? flags, string reason)
    {
        using var client = node.Client();
        await AddUserAsync(client, "headers.test");
        using var answer = await PostAsync(
            client, "ann@headers.test", Part(key, "x", uniqueId, flags, date), Part("other", "y"));

        var results = (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("results");
        Assert.Equal("refused", results[0].GetProperty("outcome").GetString());
        Assert.StartsWith(reason, results[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Contains(results[1].GetProperty("outcome").GetString(), (string[])["stored", "alreadyThere"]);
    }

    [Fact]
    public async Task A_request_that_is_no_upload_is_refused()
    {
        using var client = node.Client();
        await AddUserAsync(client, "wrong.test");
        using var stranger = node.Client("wrong");
        using var json = await client.PostAsJsonAsync(
            "/admin/v1/mailboxes/ann@wrong.test/messages", new { }, Cancelled);
        using var noToken = await PostAsync(stranger, "ann@wrong.test", Part("k", "x"));
        using var noMailbox = await PostAsync(client, "nobody@wrong.test", Part("k", "x"));
        using var broken = new ByteArrayContent(
            "--b\r\nIdempotency-Key: k\r\nInternal-Date: 2011-07-08T12:08:34Z\r\n\r\ncut off"u8.ToArray());
        broken.Headers.ContentType = MediaTypeHeaderValue.Parse("multipart/mixed; boundary=b");
        using var cut = await client.PostAsync("/admin/v1/mailboxes/ann@wrong.test/messages", broken, Cancelled);

        Assert.Equal(
            [HttpStatusCode.UnsupportedMediaType, HttpStatusCode.Unauthorized, HttpStatusCode.NotFound,
                HttpStatusCode.BadRequest],
            new[] { json, noToken, noMailbox, cut }.Select(answer => answer.StatusCode));
        var view = await client.GetFromJsonAsync<JsonElement>("/admin/v1/mailboxes/ann@wrong.test", Cancelled);
        Assert.Equal(0, view.GetProperty("messages").GetInt64());
    }

    [Fact]
    public async Task Too_many_uploads_at_once_are_told_to_wait()
    {
        using var client = node.Client();
        await AddUserAsync(client, "busy.test");
        var upload = node.Node.Services.GetRequiredService<MessageUpload>();
        var places = Enumerable.Range(0, MessageUpload.UploadsMax).Select(_ => upload.TryEnter()).ToList();
        using var busy = await PostAsync(client, "ann@busy.test", Part("k", "x"));
        places.ForEach(place => place!.Dispose());

        Assert.Equal(HttpStatusCode.TooManyRequests, busy.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), busy.Headers.RetryAfter!.Delta);
        Assert.Equal(["stored"], await UploadAsync(client, "ann@busy.test", Part("k", "x")));
    }

    private static ByteArrayContent Part(
        string? key, string octets, string? uniqueId = null, string? flags = null, string? date = Date)
    {
        var part = new ByteArrayContent(System.Text.Encoding.ASCII.GetBytes(octets));
        foreach (var (name, value) in ((string, string?)[])
            [("Idempotency-Key", key), ("Internal-Date", date), ("Unique-Id", uniqueId), ("Flags", flags)])
        {
            if (value is not null)
            {
                part.Headers.Add(name, value);
            }
        }

        return part;
    }

    private static async Task AddUserAsync(HttpClient client, string domain)
    {
        await client.PostAsJsonAsync("/admin/v1/domains", new { name = domain }, Cancelled);
        await client.PostAsJsonAsync(
            "/admin/v1/users", new { address = $"ann@{domain}", password = "s3cret" }, Cancelled);
    }

    private static async Task<HttpResponseMessage> PostAsync(
        HttpClient client, string address, params HttpContent[] parts)
    {
        using var content = new MultipartContent("mixed");
        foreach (var part in parts)
        {
            content.Add(part);
        }

        return await client.PostAsync($"/admin/v1/mailboxes/{address}/messages", content, Cancelled);
    }

    private static async Task<IEnumerable<string?>> UploadAsync(
        HttpClient client, string address, params HttpContent[] parts)
    {
        using var answer = await PostAsync(client, address, parts);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var results = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled);
        return [.. results.GetProperty("results").EnumerateArray().Select(result =>
            result.GetProperty("outcome").GetString())];
    }
}
