using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// What a binding lets a source do: each limit at the limit and one beyond. The PROXY header plays the sources.
/// </summary>
public sealed class LimitTests
{
    [Fact]
    [Trait("Requirement", "OXSMTP-EV-16")]
    public void A_source_may_hold_so_many_connections_and_gets_back_what_ends_whatever_way()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway => gateway["MaxInboundConnectionPerSource"] = 3);
        Stack<Dialogue> held = [];
        Fill(node, "192.0.2.1", 3, held);
        Refused(node, "192.0.2.1", "421 4.3.2");
        // Another one is not touched by it.
        using (Dialogue other = From(node, "192.0.2.2"))
        {
            other.Expect("220");
        }

        Action<Dialogue>[] endings =
        [
            dialogue => dialogue.Ask("QUIT", "221"), dialogue => dialogue.Reset(), dialogue => dialogue.Dispose(),
            dialogue =>
            {
                for (int i = 0; i < 6; i++)
                {
                    dialogue.Ask("FOO");
                }

                dialogue.ExpectEnd();
            },
        ];
        foreach (Action<Dialogue> end in endings)
        {
            end(held.Pop());
            Until.True(() => IsAdmitted(node, "192.0.2.1", held), "a place is free again");
            Refused(node, "192.0.2.1", "421 4.3.2");
        }

        Assert.Equal(3, held.Count);
        EndAll(held);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-16")]
    public void Addresses_of_one_IPv6_network_of_64_bits_are_one_source()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway => gateway["MaxInboundConnectionPerSource"] = 2);
        Stack<Dialogue> held = [];
        Fill(node, "2001:db8:0:1::1", 1, held);
        Fill(node, "2001:db8:0:1:ffff::2", 1, held);
        Refused(node, "2001:db8:0:1::3", "421 4.3.2");
        Fill(node, "2001:db8:0:2::1", 1, held);
        EndAll(held);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-16")]
    public void A_source_may_take_a_share_of_the_places_that_are_left()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway =>
        {
            gateway["MaxInboundConnections"] = 10;
            gateway["MaxInboundConnectionPercentagePerSource"] = 20;
        });
        Stack<Dialogue> held = [];
        // 20 % of 10 places, then of 9.
        Fill(node, "192.0.2.1", 2, held);
        Refused(node, "192.0.2.1", "421 4.3.2");
        Fill(node, "192.0.2.2", 2, held);
        Refused(node, "192.0.2.2", "421 4.3.2");
        // 20 % of the 5 places that the third leaves is 1.
        Fill(node, "192.0.2.3", 1, held);
        Fill(node, "192.0.2.4", 1, held);
        Refused(node, "192.0.2.4", "421 4.3.2");
        EndAll(held);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-15")]
    public void A_binding_holds_so_many_connections_over_all_its_addresses()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway => gateway["MaxInboundConnections"] = 3);
        Stack<Dialogue> held = [];
        Fill(node, "192.0.2.1", 1, held);
        Fill(node, "192.0.2.2", 1, held);
        Dialogue sixth = Dialogue.Connect(node.Endpoint("gateway", ipv6: true));
        sixth.Send("PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n");
        sixth.Expect("220");
        held.Push(sixth);
        Refused(node, "192.0.2.3", "421 4.3.2");

        held.Pop().Ask("QUIT", "221");
        Until.True(() => IsAdmitted(node, "192.0.2.3", held), "a place is free again");
        EndAll(held);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-08")]
    public void A_source_may_send_so_many_messages_a_minute_whatever_connections_it_uses()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway =>
        {
            gateway["MessageRateLimit"] = 5;
            gateway["MessageRateSource"] = "IPAddress";
        });
        using Dialogue first = Greeted(node, "192.0.2.1");
        using Dialogue second = Greeted(node, "192.0.2.1");
        foreach (Dialogue dialogue in (Dialogue[])[first, second, first, second, first])
        {
            dialogue.Ask("MAIL FROM:<a@elsewhere.test>", "250");
            dialogue.Ask("RSET", "250");
            dialogue.Ask("MAIL FROM:<a@elsewhere.test> SIZE=99999999999", "552"); // refused ones do not count
        }

        first.Ask("MAIL FROM:<a@elsewhere.test>", "421 4.4.2");
        first.ExpectEnd();
        second.Ask("MAIL FROM:<a@elsewhere.test>", "421 4.4.2");
        second.ExpectEnd();
        using Dialogue again = Greeted(node, "192.0.2.1");
        again.Ask("MAIL FROM:<a@elsewhere.test>", "421 4.4.2");
        using Dialogue other = Greeted(node, "192.0.2.2");
        other.Ask("MAIL FROM:<a@elsewhere.test>", "250");
    }

    [Theory]
    [Trait("Requirement", "OXSMTP-EV-08")]
    [InlineData("User", "250")]
    [InlineData("All", "421 4.4.2")]
    public void Messages_of_one_user_or_of_all_count_together(string source, string forAnother)
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        JsonNode submissions = settings.Root["Smtp"]!["Bindings"]![2]!;
        submissions["MessageRateLimit"] = 2;
        submissions["MessageRateSource"] = source;
        using Node node = Node.Start(settings);
        for (int i = 0; i < 2; i++)
        {
            using Dialogue dialogue = LoggedIn(node, 1);
            dialogue.Ask($"MAIL FROM:<{Node.User(1)}>", "250");
        }

        using Dialogue third = LoggedIn(node, 1);
        third.Ask($"MAIL FROM:<{Node.User(1)}>", "421 4.4.2");
        third.ExpectEnd();
        using Dialogue another = LoggedIn(node, 2);
        another.Ask($"MAIL FROM:<{Node.User(2)}>", forAnother);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-14")]
    [Trait("Requirement", "OXSMTP-EV-17")]
    public void The_most_specific_range_says_who_may_connect()
    {
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway =>
        {
            gateway["RemoteIPRanges"] = new JsonArray("192.0.2.0/24", "198.51.100.7/32", "2001:db8::/32");
            gateway["BlockedIPRanges"] = new JsonArray("192.0.2.128/25", "198.51.100.0/24", "2001:db8:bad::/48");
        });
        foreach (string welcome in (string[])["192.0.2.1", "198.51.100.7", "2001:db8::1"])
        {
            using Dialogue dialogue = From(node, welcome);
            dialogue.Expect("220");
        }

        foreach (string unknown in (string[])["203.0.113.1", "2001:db9::1"])
        {
            Refused(node, unknown, "421 4.3.2");
        }

        foreach (string blocked in (string[])["192.0.2.200", "198.51.100.8", "2001:db8:bad::1"])
        {
            using Dialogue dialogue = From(node, blocked);
            dialogue.Expect("550 5.7.1");
            dialogue.Ask("EHLO client.example.test", "503");
            dialogue.Ask("QUIT", "221");
            dialogue.ExpectEnd();
        }
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-14")]
    public void A_user_whom_the_binding_does_not_know_is_sent_away_after_AUTH()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Root["Smtp"]!["Bindings"]![2]!["AllowedUsers"] = new JsonArray("USER0001@example.test");
        using Node node = Node.Start(settings);
        using Dialogue known = LoggedIn(node, 1);
        known.Ask($"MAIL FROM:<{Node.User(1)}>", "250");
        using Dialogue unknown = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        unknown.Ask($"AUTH PLAIN {Plain(2)}", "421 4.3.2");
        unknown.ExpectEnd();
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    public void A_stranger_waits_for_an_error_and_once_more_at_the_next_connection()
    {
        const int wait = 1000;
        using Workplace workplace = new();
        using Node node = Start(workplace, gateway => gateway["TarpitInterval"] = "00:00:01");
        using Dialogue first = Greeted(node, "192.0.2.1");
        long start = Stopwatch.GetTimestamp();
        first.Send("MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<nobody@example.test>\r\nNOOP\r\n");
        first.Expect("250");
        first.Expect("550 5.1.1");
        Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= wait);
        first.Expect("250");

        start = Stopwatch.GetTimestamp();
        using Dialogue second = From(node, "192.0.2.1");
        second.Expect("220");
        Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= wait);

        // Two connections that wait for nobody, in the time of one wait at most: the debt is paid, and was not theirs.
        using Dialogue third = From(node, "192.0.2.1");
        using Dialogue other = From(node, "192.0.2.2");
        start = Stopwatch.GetTimestamp();
        using Dialogue waiting = Greeted(node, "192.0.2.3");
        waiting.SendLine("FOO");
        third.Expect("220");
        other.Expect("220");
        Assert.False(waiting.HasInput && Stopwatch.GetElapsedTime(start).TotalMilliseconds < wait);
        waiting.Expect("500");
        Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= wait);
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-19")]
    public void Who_has_logged_in_does_not_wait()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        JsonNode submissions = settings.Root["Smtp"]!["Bindings"]![2]!;
        submissions["TarpitInterval"] = "00:10:00";
        submissions["AuthTarpitInterval"] = "00:00:01";
        using Node node = Node.Start(settings);
        using Dialogue dialogue = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        long start = Stopwatch.GetTimestamp();
        dialogue.Ask("AUTH PLAIN AHVzZXIwMDAxQGV4YW1wbGUudGVzdAB3cm9uZw==", "535 5.7.8");
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromSeconds(1));
        dialogue.Ask($"AUTH PLAIN {Plain(1)}", "235");
        dialogue.Ask("FOO", "500");
    }

    private static Node Start(Workplace workplace, Action<JsonObject> change)
    {
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["ProxyProtocolFrom"] = new JsonArray("127.0.0.0/8", "::1/128");
        change(settings.Gateway);
        return Node.Start(settings);
    }

    private static Dialogue From(Node node, string address)
    {
        Dialogue dialogue = Dialogue.Connect(node.Smtp);
        bool isIPv6 = address.Contains(':', StringComparison.Ordinal);
        dialogue.Send(isIPv6
            ? $"PROXY TCP6 {address} 2001:db8::25 1 25\r\n"
            : $"PROXY TCP4 {address} 192.0.2.25 1 25\r\n");
        return dialogue;
    }

    private static Dialogue Greeted(Node node, string address)
    {
        Dialogue dialogue = From(node, address);
        dialogue.Expect("220");
        dialogue.Ask("EHLO client.example.test", "250");
        return dialogue;
    }

    private static Dialogue LoggedIn(Node node, int user)
    {
        Dialogue dialogue = Dialogue.Smtp(node.Endpoint("submissions"), tls: true);
        dialogue.Ask($"AUTH PLAIN {Plain(user)}", "235");
        return dialogue;
    }

    private static string Plain(int user) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{Node.User(user)}\0{Node.Password(user)}"));

    private static void Fill(Node node, string address, int connections, Stack<Dialogue> held)
    {
        for (int i = 0; i < connections; i++)
        {
            Dialogue dialogue = From(node, address);
            dialogue.Expect("220");
            held.Push(dialogue);
        }
    }

    private static void Refused(Node node, string address, string reply)
    {
        using Dialogue dialogue = From(node, address);
        dialogue.Expect(reply);
        dialogue.ExpectEnd();
    }

    private static bool IsAdmitted(Node node, string address, Stack<Dialogue> held)
    {
        Dialogue dialogue = From(node, address);
        if (dialogue.ReadReply().StartsWith("220", StringComparison.Ordinal))
        {
            held.Push(dialogue);
            return true;
        }

        dialogue.Dispose();
        return false;
    }

    private static void EndAll(Stack<Dialogue> held)
    {
        while (held.TryPop(out Dialogue? dialogue))
        {
            dialogue.Dispose();
        }
    }
}
