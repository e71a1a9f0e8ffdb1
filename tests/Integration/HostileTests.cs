using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>
/// I8 and I10: whatever a client sends or refuses to read, memory stays bounded and the others are served.
/// </summary>
public sealed class HostileTests(ITestOutputHelper output)
{
    private const int Connections = 100;
    private const int KiBPerConnection = 256;

    [Fact]
    public void A_command_of_100_MB_without_a_line_end_gets_one_error_and_the_session_goes_on()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 2 });
        byte[] block = new byte[1_000_000];
        block.AsSpan().Fill((byte)'A');
        using Dialogue flood = Dialogue.Smtp(node.Smtp);
        flood.Send(block);
        AssertServed(node);
        long before = node.Memory("VmRSS");
        for (int i = 0; i < 99; i++)
        {
            flood.Send(block);
        }

        long growth = node.Memory("VmRSS") - before;
        output.WriteLine($"growth {growth} KiB");
        Assert.True(growth < 16 * 1024, $"{growth} KiB for one endless line");
        AssertServed(node);
        flood.Ask("", "500");
        flood.Ask("NOOP", "250");

        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        pop3.Expect("+OK");
        for (int i = 0; i < 20; i++)
        {
            pop3.Send(block);
        }

        pop3.Ask("", "-ERR");
        pop3.Ask("NOOP", "-ERR"); // not logged in: in step, and refused
        pop3.Ask("QUIT", "+OK");
    }

    [Fact]
    public void A_line_of_100_MB_inside_a_message_is_refused_by_size_and_the_session_goes_on()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 2 });
        byte[] block = new byte[1_000_000];
        block.AsSpan().Fill((byte)'A');
        using Dialogue flood = Dialogue.Smtp(node.Smtp);
        flood.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        flood.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        flood.Ask("DATA", "354");
        flood.Send("Subject: endless\r\n\r\n");
        flood.Send(block);
        AssertServed(node);
        long before = node.Memory("VmRSS");
        for (int i = 0; i < 99; i++)
        {
            flood.Send(block);
        }

        long growth = node.Memory("VmRSS") - before;
        output.WriteLine($"growth {growth} KiB");
        Assert.True(growth < 24 * 1024, $"{growth} KiB for one endless line");
        flood.Send("\r\n.\r\n");
        flood.Expect("552 5.3.4");
        flood.Ask("NOOP", "250");
        Assert.Empty(node.Mailbox(1));
    }

    [Theory]
    [InlineData("smtp, a command")]
    [InlineData("smtp, a message")]
    [InlineData("pop3, a command")]
    [InlineData("smtp, 10000 commands and nothing read")]
    [InlineData("pop3, 10000 commands and nothing read")]
    public void One_hundred_such_connections_at_once_take_at_most_256_KiB_each(string kind)
    {
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 2 });
        // code compiled, pools filled as any traffic fills them
        List<Dialogue> first = Attack(node, kind, Connections / 4);
        AssertServed(node);
        long before = node.Memory("VmRSS");

        List<Dialogue> held = Attack(node, kind, Connections);

        long growth = node.Memory("VmRSS") - before;
        output.WriteLine($"{kind}: {growth} KiB for {Connections} connections, {before} KiB before");
        Assert.True(growth <= Connections * KiBPerConnection, $"{growth} KiB for {Connections} connections");
        AssertServed(node);
        first.Concat(held).ToList().ForEach(dialogue => dialogue.Dispose());
    }

    [Fact]
    public void Ten_thousand_pipelined_commands_are_all_answered_in_order_once_the_client_reads()
    {
        const int Count = 10_000;
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 2 });
        using Dialogue smtp = Dialogue.Smtp(node.Smtp);
        using Dialogue pop3 = Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1));
        Thread smtpSender =
            SendInBackground(
            smtp, string.Concat(Enumerable.Repeat("NOOP\r\nMAIL FROM:<a@elsewhere.test>\r\nRSET\r\n", Count / 3))
            + "QUIT\r\n");
        Thread pop3Sender =
            SendInBackground(pop3, string.Concat(Enumerable.Repeat("NOOP\r\nSTAT\r\n", Count / 2)) + "QUIT\r\n");
        AssertServed(node);
        for (int i = 0; i < Count / 3 * 3; i++)
        {
            smtp.Expect(i % 3 == 1 ? "250 2.1.0" : "250 2");
        }

        smtp.Expect("221");
        smtp.ExpectEnd();
        for (int i = 0; i < Count / 2 * 2; i++)
        {
            Assert.StartsWith(i % 2 == 0 ? "+OK" : "+OK 0 0", pop3.ReadLine(), StringComparison.Ordinal);
        }

        Assert.StartsWith("+OK", pop3.ReadLine(), StringComparison.Ordinal);
        smtpSender.Join();
        pop3Sender.Join();
    }

    [Theory]
    [InlineData("ConnectionTimeout", true)]
    [InlineData("ConnectionInactivityTimeout", false)]
    [Trait("Requirement", "OXSMTP-EV-01")]
    [Trait("Requirement", "OXSMTP-EV-02")]
    public void A_client_that_drips_octets_or_is_silent_is_ended_with_421_in_time(string limit, bool drips)
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Gateway["ConnectionInactivityTimeout"] = "00:00:02"; // may not be longer than the other
        settings.Gateway[limit] = "00:00:02";
        using Node node = Node.Start(settings);
        using Dialogue inCommand = Dialogue.Smtp(node.Smtp);
        using Dialogue inMessage = Dialogue.Smtp(node.Smtp);
        inMessage.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        inMessage.Ask($"RCPT TO:<{Node.User(1)}>", "250");
        inMessage.Ask("DATA", "354");
        inCommand.Send("NO");
        inMessage.Send("Subject: never to be finished\r\n");
        if (drips)
        {
            Drip(inCommand, inMessage);
        }

        inCommand.Expect("421 4.4.2");
        inMessage.Expect("421 4.4.2");
        AssertServed(node);
        Assert.Empty(node.Mailbox(1));
    }

    [Fact]
    public void Many_silent_clients_under_TLS_are_ended_and_the_node_goes_on()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Pop3["PreAuthenticatedConnectionTimeout"] = "00:00:02";
        using Node node = Node.Start(settings);
        List<Dialogue> silent = [.. Enumerable.Range(0, 50).Select(_ => Dialogue.Connect(node.Pop3s, tls: true))];
        foreach (Dialogue dialogue in silent)
        {
            dialogue.Expect("+OK");
        }

        foreach (Dialogue dialogue in silent)
        {
            dialogue.Expect("-ERR");
            dialogue.ExpectEnd();
            dialogue.Dispose();
        }

        AssertServed(node);
        Assert.Equal(0, node.Stop());
    }

    [Fact]
    [Trait("Requirement", "OXSMTP-EV-04")]
    public void Octets_that_never_end_a_command_do_not_count_as_activity()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Gateway["ConnectionInactivityTimeout"] = "00:00:02";
        settings.Pop3["PreAuthenticatedConnectionTimeout"] = "00:00:02";
        using Node node = Node.Start(settings);
        using Dialogue smtp = Dialogue.Smtp(node.Smtp);
        using Dialogue pop3 = Dialogue.Connect(node.Pop3);
        pop3.Expect("+OK");
        Drip(smtp, pop3);
        smtp.Expect("421 4.4.2");
        pop3.Expect("-ERR");
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-V0003")]
    public void A_POP3_client_that_is_silent_is_told_so_and_nothing_is_deleted()
    {
        using Workplace workplace = new();
        NodeSettings settings = new(workplace) { SeedUsers = 2 };
        settings.Pop3["AuthenticatedConnectionTimeout"] = "00:00:30";
        settings.Pop3["PreAuthenticatedConnectionTimeout"] = "00:00:01";
        using Node node = Node.Start(settings);
        using Dialogue silent = Dialogue.Connect(node.Pop3);
        silent.Expect("+OK");
        silent.Expect("-ERR");
        silent.ExpectEnd();
        AssertServed(node);
    }

    [Fact]
    public void A_client_that_disconnects_at_any_step_leaves_nothing_behind()
    {
        string[] smtp =
        [
            "EHLO client.example.test\r\n", "MAIL FROM:<sender@elsewhere.test>\r\n", $"RCPT TO:<{Node.User(1)}>\r\n",
            "DATA\r\n",
            "Subject: cut off\r\n\r\nbody\r\n", "more body without an end",
        ];
        string[] chunked = [.. smtp.Take(3), "BDAT 100\r\n0123456789", "0123456789"];
        string[] pop3 =
            [$"USER {Node.User(2)}\r\n", $"PASS {Node.Password(2)}\r\n", "STAT\r\n", "DELE 1\r\n", "RETR 1\r\n",
            "AUTH PLAIN\r\n", "TO"];
        using Workplace workplace = new();
        using Node node = Node.Start(new NodeSettings(workplace) { SeedUsers = 2 });
        node.Deliver(2, "Subject: not to be deleted\r\n\r\nbody\r\n");
        foreach (bool reset in new[] { true, false })
        {
            CutOffAtEveryStep(node.Smtp, smtp, reset, implicitTls: false);
            CutOffAtEveryStep(node.Smtp, chunked, reset, implicitTls: false);
            CutOffAtEveryStep(node.Pop3, pop3, reset, implicitTls: false);
            CutOffAtEveryStep(node.Pop3s, pop3, reset, implicitTls: true);
            CutOffAtEveryStep(node.Smtp, [smtp[0], "STARTTLS\r\n", "\x16\x03\x01"], reset, implicitTls: false);
        }

        AssertServed(node);
        Assert.Empty(node.Mailbox(1));
        Assert.Single(node.Mailbox(2));
        Assert.DoesNotContain("Unhandled", node.Log, StringComparison.OrdinalIgnoreCase);
        Assert.Equal(0, node.Stop());
    }

    private static void CutOffAtEveryStep(System.Net.IPEndPoint to, string[] steps, bool reset, bool implicitTls)
    {
        for (int last = 0; last <= steps.Length; last++)
        {
            using Dialogue dialogue = Dialogue.Connect(to, implicitTls);
            foreach (string step in steps.Take(last))
            {
                dialogue.Send(step);
            }

            if (last < steps.Length)
            {
                dialogue.Send(steps[last][..(steps[last].Length / 2)]);
            }

            if (reset)
            {
                dialogue.Reset();
            }
        }
    }

    /// <summary>
    /// Octets without a line end, some each second, until the server has answered; at most for a minute.
    /// </summary>
    private static void Drip(params Dialogue[] dialogues)
    {
        int looks = 0;
        Until.True(
            () =>
            {
                looks++;
                foreach (Dialogue dialogue in dialogues.Where(dialogue => !dialogue.HasInput && looks % 20 == 0))
                {
                    dialogue.Send("x");
                }

                return dialogues.All(dialogue => dialogue.HasInput);
            },
            "the server ends the connections");
    }

    private static List<Dialogue> Attack(Node node, string kind, int connections)
    {
        List<Dialogue> held = [];
        byte[] junk = new byte[1_000_000];
        junk.AsSpan().Fill((byte)'A');
        for (int i = 0; i < connections; i++)
        {
            Dialogue dialogue = kind.StartsWith("pop3", StringComparison.Ordinal)
                ? Dialogue.Pop3(node.Pop3, Node.User(1), Node.Password(1))
                : Dialogue.Smtp(node.Smtp);
            held.Add(dialogue);
            if (kind.Contains("nothing read", StringComparison.Ordinal))
            {
                string command = kind.StartsWith("pop3", StringComparison.Ordinal) ? "CAPA\r\n"
                    : "EHLO client.example.test\r\n";
                dialogue.SendWithoutWaiting(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(command, 10_000))));
                continue;
            }

            if (kind == "smtp, a message")
            {
                dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
                dialogue.Ask($"RCPT TO:<{Node.User(1)}>", "250");
                dialogue.Ask("DATA", "354");
            }

            dialogue.Send(junk);
            if (kind == "smtp, a message")
            {
                // One after the other: what waits for a slow disk is bounded for all together, not for each.
                AssertServed(node);
            }
        }

        return held;
    }

    private static Thread SendInBackground(Dialogue dialogue, string text)
    {
        Thread thread = new(() => dialogue.Send(text)) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private static void AssertServed(Node node)
    {
        int before = Maildrop.Count(node.Pop3, Node.User(2), Node.Password(2));
        node.Deliver(2, "Subject: served\r\n\r\nbody\r\n");
        Assert.Equal(before + 1, Maildrop.Count(node.Pop3, Node.User(2), Node.Password(2)));
        using Dialogue pop3 = Dialogue.Pop3(node.Pop3, Node.User(2), Node.Password(2));
        pop3.Ask($"DELE {before + 1}", "+OK");
        pop3.Ask("QUIT", "+OK");
    }
}
