using System.Globalization;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>Sessions of the real program side by side, and what a client may do to one.</summary>
public sealed class Pop3SessionTests(ITestOutputHelper output)
{
    [Fact]
    [Trait("Requirement", "STANXPOP3-NV-2.1.3")]
    [Trait("Requirement", "STANXPOP3-C0004")]
    [Trait("Requirement", "STANXPOP3-V0006")]
    public void Sessions_of_one_user_do_not_lock_and_each_keeps_its_view()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        for (int i = 1; i <= 4; i++)
        {
            node.Deliver(1, $"Subject: {i}\r\n\r\nbody {i}\r\n");
        }

        using Dialogue first = LogIn(node);
        using Dialogue second = LogIn(node);
        string[] ids = Listing(second, "UIDL");
        first.Ask("DELE 1", "+OK");
        first.Ask("DELE 2", "+OK");
        first.Ask("QUIT", "+OK");
        node.Deliver(1, "Subject: 5\r\n\r\nbody 5\r\n");

        // Numbers, sizes and unique-ids are those of the login, whatever happened since.
        Assert.Equal(ids, Listing(second, "UIDL"));
        second.Ask("STAT", "+OK 4 ");
        second.Ask("RETR 1", "-ERR Message was removed");
        second.Ask("TOP 2 0", "-ERR Message was removed");
        second.Ask("RETR 3", "+OK");
        second.ReadMultiline();
        // One that is gone and one that is there: what could be removed is, and that is all that was asked for.
        second.Ask("DELE 2", "+OK");
        second.Ask("DELE 3", "+OK");
        second.Ask("QUIT", "+OK");

        using Dialogue third = LogIn(node);
        string[] left = Listing(third, "UIDL");
        Assert.Equal(2, left.Length);
        Assert.Equal(ids[3].Split(' ')[1], left[0].Split(' ')[1]);
        Assert.DoesNotContain(left[1].Split(' ')[1], ids.Select(line => line.Split(' ')[1]));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0007")]
    public void TOP_sends_the_header_the_blank_line_and_so_many_lines()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        node.Deliver(1, "Subject: top\r\n\r\none\r\n..two\r\nthree\r\n");
        using Dialogue pop3 = LogIn(node);
        string[] bodies = ["", "one\r\n", "one\r\n.two\r\n", "one\r\n.two\r\nthree\r\n", "one\r\n.two\r\nthree\r\n"];
        for (int lines = 0; lines < bodies.Length; lines++)
        {
            pop3.Ask($"TOP 1 {lines}", "+OK");
            string text = System.Text.Encoding.Latin1.GetString(pop3.ReadMultiline());
            Assert.EndsWith("Subject: top\r\n\r\n" + bodies[lines], text, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0008")]
    public void Unique_ids_stay_over_a_restart_and_a_removed_one_does_not_come_back()
    {
        using Workplace workplace = new();
        string[] before;
        using (Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 }))
        {
            node.Deliver(1, "Subject: 1\r\n\r\n\r\n");
            node.Deliver(1, "Subject: 2\r\n\r\n\r\n");
            using Dialogue pop3 = LogIn(node);
            before = Listing(pop3, "UIDL");
            pop3.Ask("DELE 2", "+OK");
            pop3.Ask("QUIT", "+OK");
            node.KillNow();
        }

        using Node again = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        again.Deliver(1, "Subject: 3\r\n\r\n\r\n");
        using Dialogue after = LogIn(again);
        string[] now = Listing(after, "UIDL");
        Assert.Equal(2, now.Length);
        Assert.Equal(before[0], now[0]);
        Assert.True(long.Parse(now[1].Split(' ')[1], null) > long.Parse(before[1].Split(' ')[1], null));
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0003")]
    public void A_client_that_never_reads_50_MB_is_ended_by_the_timer_and_costs_no_memory()
    {
        const int Readers = 200;
        const int KiBPerConnection = 256;
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["MaxMessageSize"] = 64 * 1024 * 1024;
        settings.Pop3["AuthenticatedConnectionTimeout"] = "00:00:05";
        using Node node = Node.Start(settings);
        string line = new string('x', 76) + "\r\n";
        node.Deliver(1, "Subject: large\r\n\r\n" + string.Concat(Enumerable.Repeat(line, 50_000_000 / line.Length)));
        // Code compiled, pools filled as any traffic fills them.
        List<Dialogue> stuck = NeverRead(node, Readers / 4);
        long before = node.Memory("VmRSS");
        stuck.AddRange(NeverRead(node, Readers));
        long growth = node.Memory("VmRSS") - before;
        output.WriteLine($"{growth} KiB more for {Readers} clients that read nothing, {before} KiB before");
        Assert.True(growth < Readers * KiBPerConnection, $"{growth} KiB");
        Until.True(
            () => Ended(node, "write_timeout") == stuck.Count, "the timer ends those who read nothing");
        stuck.ForEach(dialogue => dialogue.Dispose());
        node.Deliver(1, "Subject: after\r\n\r\n\r\n");
        using Dialogue good = LogIn(node);
        good.Ask("STAT", "+OK 2 ");
    }

    private static List<Dialogue> NeverRead(Node node, int clients)
    {
        List<Dialogue> stuck = [];
        for (int i = 0; i < clients; i++)
        {
            Dialogue dialogue = LogIn(node);
            dialogue.SendLine("RETR 1");
            stuck.Add(dialogue);
        }

        return stuck;
    }

    [Fact]
    public void A_message_with_a_UTF8_header_is_for_clients_that_say_UTF8()
    {
        const string Name = "j\u00C3\u00BCrgen"; // the two octets of a u umlaut, as they are on the wire
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 1 });
        using (Dialogue smtp = Dialogue.Smtp(node.Smtp))
        {
            smtp.Ask($"MAIL FROM:<{Name}@elsewhere.test> SMTPUTF8", "250");
            smtp.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            smtp.Ask("DATA", "354");
            smtp.Ask($"From: <{Name}@elsewhere.test>\r\nSubject: utf8\r\n\r\nbody\r\n.", "250");
            // SMTPUTF8 was said and not needed: everybody's message.
            smtp.Ask("MAIL FROM:<ascii@elsewhere.test> SMTPUTF8", "250");
            smtp.Ask($"RCPT TO:<{Node.User(1)}>", "250");
            smtp.Ask("DATA", "354");
            smtp.Ask("Subject: ascii\r\n\r\nb\u00C3\u00B6dy\r\n.", "250");
        }

        using (Dialogue old = LogIn(node))
        {
            old.Ask("STAT", "+OK 2 ");
            old.Ask("RETR 1", "-ERR [UTF8]");
            old.Ask("TOP 1 0", "-ERR [UTF8]");
            old.Ask("RETR 2", "+OK");
            Assert.Contains("b\u00C3\u00B6dy", Text(old), StringComparison.Ordinal);
        }

        using Dialogue modern = Dialogue.Connect(node.Pop3);
        modern.Expect("+OK");
        modern.Ask("UTF8", "+OK");
        modern.Ask($"USER {Node.User(1)}", "+OK");
        modern.Ask($"PASS {Node.Password(1)}", "+OK");
        modern.Ask("RETR 1", "+OK");
        Assert.Contains($"From: <{Name}@elsewhere.test>\r\n", Text(modern), StringComparison.Ordinal);
    }

    private static string Text(Dialogue pop3) => System.Text.Encoding.Latin1.GetString(pop3.ReadMultiline());

    private static Dialogue LogIn(Node node) => Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));

    private static string[] Listing(Dialogue pop3, string command)
    {
        pop3.Ask(command, "+OK");
        return Text(pop3).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
    }

    private static int Ended(Node node, string reason)
    {
        using HttpClient http = new() { BaseAddress = node.Http };
        using HttpRequestMessage request = new(HttpMethod.Get, "metrics");
        using StreamReader metrics = new(http.Send(request).Content.ReadAsStream());
        return metrics.ReadToEnd().Split('\n')
            .Where(row => row.StartsWith("mailcluster_edge_connections_ended", StringComparison.Ordinal)
                && row.Contains($"reason=\"{reason}\"", StringComparison.Ordinal))
            .Sum(row => int.Parse(row[(row.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }
}
