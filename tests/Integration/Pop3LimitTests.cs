using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// POP3's limits of connections and logins: each at the limit and one beyond, over bindings and protocols.
/// </summary>
public sealed class Pop3LimitTests
{
    [Fact]
    public void The_node_holds_so_many_connections_over_all_bindings()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Pop3["MaxConnections"] = 2;
        using Node node = Node.Start(settings);
        using Dialogue first = Dialogue.Connect(node.Pop3);
        first.Expect("+OK");
        Dialogue second = Dialogue.Connect(node.Pop3s, tls: true);
        second.Expect("+OK");
        using (Dialogue third = Dialogue.Connect(node.Endpoint("pop3", ipv6: true)))
        {
            third.Expect("-ERR [SYS/TEMP] Too many connections");
            third.ExpectEnd();
        }

        second.Ask("QUIT", "+OK");
        second.Dispose();
        Until.True(() => IsServed(node), "a place is free again");
    }

    [Fact]
    public void A_source_holds_so_many_connections_over_all_bindings()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Pop3["MaxConnectionFromSingleIP"] = 2;
        foreach (JsonNode? binding in settings.Pop3["Bindings"]!.AsArray())
        {
            binding!["Tls"] = "None";
            binding["ProxyProtocolFrom"] = new JsonArray("127.0.0.0/8");
        }

        using Node node = Node.Start(settings);
        using Dialogue first = From(node, "pop3", "192.0.2.1");
        first.Expect("+OK");
        using Dialogue second = From(node, "pop3s", "192.0.2.1");
        second.Expect("+OK");
        foreach (string binding in (string[])["pop3", "pop3s"])
        {
            using Dialogue third = From(node, binding, "192.0.2.1");
            third.Expect("-ERR [SYS/TEMP] Too many connections");
            third.ExpectEnd();
            using Dialogue other = From(node, binding, "192.0.2.2");
            other.Expect("+OK");
        }
    }

    [Fact]
    [Trait("Requirement", "EX07-RFC-2449")]
    public void A_user_holds_so_many_sessions_and_gets_back_what_ends_whatever_way()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Pop3["MaxConnectionsPerUser"] = 2;
        settings.Pop3["AuthenticatedConnectionTimeout"] = "00:00:02";
        using Node node = Node.Start(settings);
        Action<Dialogue>[] endings =
        [
            dialogue => dialogue.Ask("QUIT", "+OK"), dialogue => dialogue.Reset(), dialogue => dialogue.Dispose(),
            dialogue => dialogue.Expect("-ERR Inactivity"),
        ];
        foreach (Action<Dialogue> end in endings)
        {
            using Dialogue first = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));
            Dialogue second = Dialogue.Pop3(node.Pop3s, Node.User(1), Node.Password(1), tls: true);
            using (Dialogue third = Dialogue.Connect(node.Pop3))
            {
                third.Expect("+OK");
                third.Ask($"USER {Node.User(1)}", "+OK");
                third.Ask($"PASS {Node.Password(1)}", "-ERR [IN-USE]");
                // The connection goes on, and another user's count is another.
                third.Ask($"USER {Node.User(2)}", "+OK");
                third.Ask($"PASS {Node.Password(2)}", "+OK");
            }

            end(second);
            Until.True(() => MayLogIn(node, 1), "a session is free again");
            second.Dispose();
        }
    }

    [Fact]
    public void Guessing_from_many_connections_is_slowed_then_stopped_and_who_is_known_goes_on()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Root["Accounts"] = new JsonObject
        {
            ["MaxLogonFailuresPerSource"] = 7, ["MaxLogonDelay"] = "00:00:00.5",
        };
        using Node node = Node.Start(settings);
        Assert.True(MayLogIn(node, 1));
        long start = Stopwatch.GetTimestamp();
        for (int failures = 0; failures < 7; failures++)
        {
            using Dialogue guess = Dialogue.Connect(node.Pop3);
            guess.Expect("+OK");
            guess.Ask($"USER {(failures % 2 == 0 ? Node.User(2) : "nobody@example.test")}", "+OK");
            guess.Ask("PASS wrong", "-ERR [AUTH]");
        }

        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(250), "The seventh had to wait.");
        foreach (string user in (string[])[Node.User(2), "nobody@example.test"])
        {
            // The right password, as it happens, for one of the two.
            using Dialogue stopped = Dialogue.Connect(node.Pop3);
            stopped.Expect("+OK");
            stopped.Ask($"USER {user}", "+OK");
            stopped.Ask($"PASS {Node.Password(2)}", "-ERR [SYS/TEMP] Login is not possible now");
            stopped.Ask("CAPA", "+OK");
            using Dialogue submission = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
            string plain = Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{user}\0{Node.Password(2)}"));
            submission.Ask($"AUTH PLAIN {plain}", "454 4.7.0");
        }

        Assert.True(MayLogIn(node, 1));
    }

    private static bool IsServed(Node node)
    {
        using Dialogue dialogue = Dialogue.Connect(node.Pop3);
        return dialogue.ReadReply().StartsWith("+OK", StringComparison.Ordinal);
    }

    private static bool MayLogIn(Node node, int user)
    {
        using Dialogue dialogue = Dialogue.Connect(node.Pop3);
        dialogue.Expect("+OK");
        dialogue.Ask($"USER {Node.User(user)}", "+OK");
        bool isIn = dialogue.Ask($"PASS {Node.Password(user)}").StartsWith("+OK", StringComparison.Ordinal);
        dialogue.Ask("QUIT", "+OK");
        return isIn;
    }

    private static Dialogue From(Node node, string binding, string address)
    {
        Dialogue dialogue = Dialogue.Connect(node.Endpoint(binding));
        dialogue.Send($"PROXY TCP4 {address} 192.0.2.110 1 110\r\n");
        return dialogue;
    }
}
