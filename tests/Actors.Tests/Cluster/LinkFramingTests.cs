using System.Buffers;
using System.Collections.Frozen;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared.Cluster;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Golden/link-frames.txt holds what peers of other versions send and read: lines are added, never changed.
/// </summary>
public sealed class LinkFramingTests
{
    private static readonly FrozenDictionary<string, byte[]> Golden = File
        .ReadLines(Path.Combine(AppContext.BaseDirectory, "Cluster", "Golden", "link-frames.txt"))
        .Select(line => line.Split(' ', 2))
        .ToFrozenDictionary(
            parts => parts[0], parts => Convert.FromHexString(parts[1].Replace(" ", "", StringComparison.Ordinal)));

    private static readonly Hello Known = new()
    {
        Cluster = "c1",
        Node = 2,
        Incarnation = 7,
        Name = "b",
        OldestWireVersion = 1,
        NewestWireVersion = 1,
        ProgramVersion = "0.1.0",
    };

    public static TheoryData<string> Names => [.. Golden.Keys.Order(StringComparer.Ordinal)];

    public static TheoryData<string, LinkFrameKind, IMessage?> Written => new()
    {
        { "hello", LinkFrameKind.Hello, Known },
        {
            "refusal", LinkFrameKind.Refusal,
            new Refusal { Reason = RefusalReason.Version, OldestWireVersion = 1, NewestWireVersion = 2 }
        },
        { "ask", LinkFrameKind.Ask, new StringValue { Value = "x" } },
        { "ask-without-octets", LinkFrameKind.Ask, new StringValue() },
        { "bulk", LinkFrameKind.Bulk, new StringValue { Value = "x" } },
        { "ping", LinkFrameKind.Ping, null },
        { "goodbye", LinkFrameKind.Goodbye, new Goodbye { Reason = GoodbyeReason.Leaving } },
    };

    [Theory]
    [MemberData(nameof(Written), DisableDiscoveryEnumeration = true)]
    public void A_frame_is_written_in_its_frozen_octets(string name, LinkFrameKind kind, IMessage? message)
    {
        var octets = message?.CalculateSize() ?? 0;
        var frame = new byte[LinkFraming.HeaderOctets + octets];
        LinkFraming.WriteHeader(frame, kind, octets);
        message?.WriteTo(frame.AsSpan(LinkFraming.HeaderOctets));

        Assert.Equal(Convert.ToHexString(Golden[name]), Convert.ToHexString(frame));
    }

    [Fact]
    public void Every_kind_of_frame_is_frozen() => Assert.Equal(
        System.Enum.GetValues<LinkFrameKind>().Where(kind => kind != LinkFrameKind.None).Order(),
        Golden.Values.Select(frame => (LinkFrameKind)frame[4]).Distinct().Order());

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_prefix_of_a_frame_is_waited_for_and_nothing_of_it_is_taken(string name)
    {
        var frame = Golden[name];
        for (var length = 0; length < frame.Length; length++)
        {
            var buffer = new ReadOnlySequence<byte>(frame, 0, length);
            Assert.Equal(FramingResult.Incomplete, LinkFraming.Read(ref buffer, 65_536, out _, out _));
            Assert.Equal(length, buffer.Length);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_split_of_a_frame_gives_the_same_and_leaves_what_is_behind_it(string name)
    {
        var frame = Golden[name];
        byte[] octets = [.. frame, 0, 0, 0];
        for (var split = 0; split <= octets.Length; split++)
        {
            var buffer = SegmentSplitter.Split(octets, [split]);
            Assert.Equal(FramingResult.Frame, LinkFraming.Read(ref buffer, 65_536, out var kind, out var message));
            Assert.Equal((LinkFrameKind)frame[4], kind);
            Assert.Equal(frame[LinkFraming.HeaderOctets..], message.ToArray());
            Assert.Equal(3, buffer.Length);
        }
    }

    [Fact]
    public void A_frame_of_exactly_the_limit_is_read_and_one_octet_more_is_refused_by_its_header()
    {
        var frame = new byte[LinkFraming.HeaderOctets + LinkFrames.OctetsMax];
        LinkFraming.WriteHeader(frame, LinkFrameKind.Bulk, LinkFrames.OctetsMax);
        var buffer = new ReadOnlySequence<byte>(frame);
        Assert.Equal(FramingResult.Frame, LinkFraming.Read(ref buffer, LinkFrames.OctetsMax, out _, out var message));
        Assert.Equal(LinkFrames.OctetsMax, message.Length);

        LinkFraming.WriteHeader(frame, LinkFrameKind.Bulk, LinkFrames.OctetsMax + 1);
        buffer = new ReadOnlySequence<byte>(frame, 0, LinkFraming.HeaderOctets);
        Assert.Equal(FramingResult.TooLong, LinkFraming.Read(ref buffer, LinkFrames.OctetsMax, out _, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(255)]
    public void A_kind_that_is_not_in_the_contract_breaks_the_link(byte kind)
    {
        var buffer = new ReadOnlySequence<byte>([0, 0, 0, 0, kind]);

        Assert.Equal(FramingResult.UnknownKind, LinkFraming.Read(ref buffer, 65_536, out _, out _));
    }

    [Fact]
    public void A_hello_with_fields_of_a_version_to_come_is_read()
    {
        var hello = Hello.Parser.ParseFrom(Golden["hello-with-fields-to-come"].AsSpan(LinkFraming.HeaderOctets));

        Assert.Equal(
            (Known.Cluster, Known.Node, Known.ProgramVersion), (hello.Cluster, hello.Node, hello.ProgramVersion));
    }

    [Fact]
    public void A_hello_of_the_version_before_is_taken_in_that_version()
    {
        var hello = Hello.Parser.ParseFrom(Golden["hello-of-the-version-before"].AsSpan(LinkFraming.HeaderOctets));
        var self = Self with { OldestWireVersion = 1, NewestWireVersion = 2 };

        Assert.Equal((RefusalReason.Unspecified, 1), self.Judge(hello, Row(2, 7)));
    }

    [Theory]
    [InlineData("c2", 2, 7, 1, 1, RefusalReason.Cluster)]
    [InlineData("c1", 3, 7, 1, 1, RefusalReason.UnknownNode)]
    [InlineData("c1", 2, 6, 1, 1, RefusalReason.Incarnation)]
    [InlineData("c1", 2, 8, 1, 1, RefusalReason.Incarnation)]
    [InlineData("c1", 2, 7, 4, 5, RefusalReason.Version)]
    [InlineData("c1", 2, 7, 1, 1, RefusalReason.Version)]
    [InlineData("c1", 2, 7, 1, 2, RefusalReason.Unspecified)]
    [InlineData("c1", 2, 7, 3, 4, RefusalReason.Unspecified)]
    [InlineData("c1", 2, 7, 2, 9, RefusalReason.Unspecified)]
    public void A_hello_is_judged_by_the_table_and_the_versions(
        string cluster, int node, long incarnation, int oldest, int newest, RefusalReason refusal)
    {
        var self = Self with { OldestWireVersion = 2, NewestWireVersion = 3 };
        var hello = new Hello
        {
            Cluster = cluster,
            Node = node,
            Incarnation = incarnation,
            OldestWireVersion = oldest,
            NewestWireVersion = newest,
        };

        Assert.Equal(refusal, self.Judge(hello, Row(2, 7)).Refusal);
    }

    private static LinkIdentity Self => new("c1", new(new(1), new(5)), "a", "0.1.0");

    private static NodeRow Row(int id, long incarnation) => new(
        new(id), "b", new(incarnation), "127.0.0.1:1", NodeState.Up, TimeSpan.FromSeconds(1), "0.1.0", 1);
}
