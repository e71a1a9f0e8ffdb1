using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>What an administrator does, from the command line and by HTTP.</summary>
public sealed class OperatingTests
{
    [Fact]
    public void Domains_users_and_aliases_are_managed_on_a_running_node()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 0 });

        Admin(node, "domain", "add", "new.example.test");
        Admin(node, "user", "add", "carol@new.example.test", "--password", "first word");
        Admin(node, "user", "add", "dave@new.example.test", "--password", "dave's");
        Admin(node, "alias", "add", "info@new.example.test", "carol@new.example.test", "dave@new.example.test");
        Assert.Contains("new.example.test", Admin(node, "domain", "list"), StringComparison.Ordinal);
        Assert.Contains(
            "carol@new.example.test", Admin(node, "user", "list", "new.example.test"), StringComparison.Ordinal);
        Assert.Contains(
            "info@new.example.test", Admin(node, "alias", "list", "new.example.test"), StringComparison.Ordinal);

        Send(node, "info@new.example.test", "250");
        Assert.Single(Maildrop.Read(node.Pop3, "carol@new.example.test", "first word"));
        Assert.Single(Maildrop.Read(node.Pop3, "dave@new.example.test", "dave's"));
        using (JsonDocument mailbox =
            JsonDocument.Parse(Admin(node, "mailbox", "show", "carol@new.example.test", "--json")))
        {
            Assert.Equal(1, mailbox.RootElement.GetProperty("messages").GetInt64());
        }

        Admin(node, "user", "passwd", "carol@new.example.test", "--password", "second word");
        AssertLogin(node, "carol@new.example.test", "first word", "-ERR");
        AssertLogin(node, "carol@new.example.test", "second word", "+OK");
        Admin(node, "user", "suspend", "carol@new.example.test");
        AssertLogin(node, "carol@new.example.test", "second word", "-ERR");
        Admin(node, "user", "suspend", "carol@new.example.test", "--undo");
        AssertLogin(node, "carol@new.example.test", "second word", "+OK");

        Admin(node, "alias", "remove", "info@new.example.test");
        Send(node, "info@new.example.test", "550 5.1.1");
        Admin(node, "user", "remove", "dave@new.example.test");
        Send(node, "dave@new.example.test", "550 5.1.1");
        ToolResult again = TryAdmin(node, "domain", "add", "new.example.test");
        Assert.NotEqual(0, again.ExitCode);
        Assert.Contains("new.example.test", again.Output, StringComparison.Ordinal);
        Admin(node, "domain", "remove", "new.example.test", "--with-users");
        Send(node, "carol@new.example.test", "550");
    }

    [Fact]
    public void A_command_says_so_when_no_node_answers()
    {
        using Workplace workplace = new();
        string address;
        using (Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 0 }))
        {
            address = node.Http.ToString();
            Assert.Equal(0, node.Stop());
        }

        ToolResult result = Tool.Try(Programs.MailCluster, null, "domain", "list", "--url", address);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains("no node", result.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(new Uri(address).Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_admin_interface_wants_its_token_and_describes_itself()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 0 });
        using HttpClient http = new() { BaseAddress = node.Http };
        CancellationToken stop = TestContext.Current.CancellationToken;

        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("admin/v1/domains", stop)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", "guessed");
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("admin/v1/domains", stop)).StatusCode);
        string tokenFile = Path.Combine(workplace.DataDirectory, "admin.token");
        http.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(tokenFile, stop)).Trim());
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("admin/v1/domains", stop)).StatusCode);
        Assert.Equal("600", Tool.Run("stat", "-c", "%a", tokenFile).Trim());

        JsonElement description = await http.GetFromJsonAsync<JsonElement>("openapi/v1.json", stop);
        Assert.StartsWith("3.", description.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(description.GetProperty("paths").EnumerateObject());
    }

    [Fact]
    public async Task Metrics_pass_promtool_and_count_what_happened()
    {
        Tool.Require("promtool");
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace));
        node.Deliver(1, "Subject: counted\r\n\r\nbody\r\n");
        Assert.Single(node.Mailbox(1));
        using HttpClient http = new() { BaseAddress = node.Http };
        CancellationToken stop = TestContext.Current.CancellationToken;

        string metrics = await http.GetStringAsync("metrics", stop);

        ToolResult check = Tool.Try("promtool", metrics, "check", "metrics");
        Assert.True(check.ExitCode == 0, check.Output);
        Assert.Contains("mailcluster_", metrics, StringComparison.Ordinal);
        Assert.DoesNotContain("example.test", metrics, StringComparison.Ordinal); // no addresses, no names of users
    }

    [Fact]
    public async Task Health_says_live_and_ready()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 0 });
        using HttpClient http = new() { BaseAddress = node.Http };
        CancellationToken stop = TestContext.Current.CancellationToken;
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("health/live", stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("health/ready", stop)).StatusCode);
    }

    [Fact]
    public void One_line_is_logged_for_a_connection_that_ended_with_its_reason_and_without_secrets()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace));
        node.Deliver(1, "Subject: logged\r\n\r\nbody\r\n");
        AssertLogin(node, Node.User(2), "not-the-password", "-ERR");
        AssertLogin(node, Node.User(2), Node.Password(2), "+OK");
        Assert.Equal(0, node.Stop());
        Assert.Contains("Quit", node.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("not-the-password", node.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(Node.Password(2), node.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Seeding_users_a_second_time_changes_nothing()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 200 };
        using (Node first = Node.Start(settings))
        {
            Admin(first, "user", "passwd", Node.User(1), "--password", "changed");
            first.Deliver(200, "Subject: kept\r\n\r\nbody\r\n");
            Assert.Equal(0, first.Stop());
        }

        using Node second = Node.Start(settings);
        AssertLogin(second, Node.User(1), "changed", "+OK");
        AssertLogin(second, Node.User(2), Node.Password(2), "+OK");
        Assert.Single(second.Mailbox(200));
        using JsonDocument users = JsonDocument.Parse(Admin(second, "user", "list", "example.test", "--json"));
        Assert.Equal(200, users.RootElement.EnumerateArray().Count(user =>
            user.GetProperty("address").GetString()!.StartsWith("user", StringComparison.Ordinal)));
    }

    private static string Admin(Node node, params string[] words)
    {
        ToolResult result = TryAdmin(node, words);
        Assert.True(result.ExitCode == 0, $"mailcluster {string.Join(' ', words)}: {result.ExitCode}\n{result.Output}");
        return result.Output;
    }

    private static ToolResult TryAdmin(Node node, params string[] words)
    {
        ProcessStartInfo start = new(Programs.MailCluster, [.. words, "--config", node.Configuration]);
        start.Environment["MAILCLUSTER_ADMIN_URL"] = node.Http.ToString();
        return Tool.Try(start, null);
    }

    private static void AssertLogin(Node node, string user, string password, string answer)
    {
        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        pop3.Expect("+OK");
        pop3.Ask($"USER {user}", "+OK");
        pop3.Ask($"PASS {password}", answer);
    }

    private static void Send(Node node, string recipient, string answer)
    {
        using Dialogue dialogue = Dialogue.Smtp(node.Smtp);
        dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        dialogue.Ask($"RCPT TO:<{recipient}>", answer);
        if (answer == "250")
        {
            dialogue.Ask("DATA", "354");
            dialogue.Send("Subject: by an alias\r\n\r\nbody\r\n");
            dialogue.Ask(".", "250");
        }
    }
}
