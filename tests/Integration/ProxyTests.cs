using System.Text;
using System.Text.Json.Nodes;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>The PROXY protocol: the client's address comes from the balancer, and from nobody else.</summary>
public sealed class ProxyTests
{
    private static readonly byte[] Signature = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    public static TheoryData<string, byte[]> Headers => new()
    {
        { "[192.0.2.7]", Encoding.ASCII.GetBytes("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n") },
        { "[IPv6:2001:db8::7]", Encoding.ASCII.GetBytes("PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n") },
        { "[192.0.2.8]", [.. Signature, 0x21, 0x11, 0, 12, 192, 0, 2, 8, 192, 0, 2, 1, 0x12, 0x67, 0, 25] },
        { "[127.0.0.1]", [.. Signature, 0x20, 0x00, 0, 0] }, // LOCAL: a health check of the balancer itself
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_listed_peer_names_the_client(string expected, byte[] header)
    {
        using Workplace workplace = new();
        using Node node = Node.Start(Trusting(workplace, "127.0.0.0/8"));
        using Dialogue dialogue = Dialogue.Connect(node.Smtp);
        foreach (byte octet in header)
        {
            dialogue.Send([octet]); // in as many segments as there are octets
        }

        dialogue.Expect("220");
        dialogue.Ask("EHLO client.example.test", "250");
        Node.Deliver(dialogue, 1, "Subject: by proxy\r\n\r\nbody\r\n");
        Assert.Contains(expected, Assert.Single(node.Mailbox(1)).Text, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.7 192.0.2.1 99999 25\r\n")]
    [InlineData("PROXY TCP4 192.0.2.7\r\n")]
    [InlineData("EHLO client.example.test\r\n")]
    [InlineData("\r\n\r\n\0\r\nQUIX\nxxxxxxxxxxxxxxxx")]
    public void A_listed_peer_without_a_good_header_is_closed_without_a_word(string header)
    {
        using Workplace workplace = new();
        using Node node = Node.Start(Trusting(workplace, "127.0.0.0/8"));
        using Dialogue dialogue = Dialogue.Connect(node.Smtp);
        dialogue.Send(header);
        dialogue.ExpectEnd();
    }

    [Fact]
    public void A_header_from_anybody_else_is_a_command_that_is_unknown()
    {
        using Workplace workplace = new();
        using Node node = Node.Start(Trusting(workplace, "192.0.2.0/24"));
        using Dialogue dialogue = Dialogue.Connect(node.Smtp);
        dialogue.Expect("220");
        dialogue.Ask("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25", "500");
        dialogue.Ask("EHLO client.example.test", "250");
        Node.Deliver(dialogue, 1, "Subject: not by proxy\r\n\r\nbody\r\n");
        Assert.DoesNotContain("192.0.2.7", Assert.Single(node.Mailbox(1)).Text, StringComparison.Ordinal);
    }

    private static NodeSettings Trusting(Workplace workplace, string network)
    {
        NodeSettings settings = new(workplace) { SeedUsers = 1 };
        settings.Gateway["ProxyProtocolFrom"] = new JsonArray(network);
        return settings;
    }
}
