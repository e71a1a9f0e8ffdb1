using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;
using Xunit;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// The octets of every envelope of mailboxes and the spool: frozen, since nodes of two versions speak to each other.
/// </summary>
public sealed class EnvelopeTests
{
    private static readonly Dictionary<string, Envelope> Envelopes = new()
    {
        ["failure"] = new()
        {
            Ask = 7, IsAnswer = true, Failure = new() { Reason = Failure.Types.Reason.Full },
        },
        ["not here"] = new()
        {
            Ask = 300, IsAnswer = true, NotHere = new() { Node = 2, Incarnation = 77, Epoch = 5 },
        },
        ["open"] = new()
        {
            Ask = 1, PatienceMilliseconds = 10_000, Shard = 633,
            OpenMaildrop = new() { Mailbox = 1, Generation = 0, Stream = 9, Parts = 8 },
        },
        ["opened"] = new()
        {
            Ask = 1, IsAnswer = true,
            MaildropOpened = new()
            {
                Outcome = MaildropOpened.Types.Outcome.Whole, Generation = 4, Messages = 2,
                Part = ByteString.CopyFrom(1, 2, 3),
            },
        },
        ["credit"] = new() { MaildropCredit = new() { Stream = 9, Parts = 4 } },
        ["part"] = new() { MaildropPart = new() { Stream = 9, Part = ByteString.CopyFrom(1, 2) } },
        ["remove"] = new()
        {
            Ask = 2, PatienceMilliseconds = 1, Shard = 1,
            RemoveMessages = new()
            {
                Mailbox = 3, NumberSteps = { 100, 1, -1 }, Removal = 6, Before = 4, IsMore = true,
            },
        },
        ["removed"] = new() { Ask = 2, IsAnswer = true, MessagesRemoved = new() { Removed = true } },
        ["show"] = new() { Ask = 3, PatienceMilliseconds = 1, Shard = 1, ShowMaildrop = new() { Mailbox = 3 } },
        ["shown"] = new()
        {
            Ask = 3, IsAnswer = true, MaildropShown = new() { Exists = true, Messages = 2, Octets = 300 },
        },
        ["arrived"] = new()
        {
            SpoolArrived = new() { Node = 1, Incarnation = 2, Mailboxes = { 3, 4 }, Rows = { 5, 600 }, Hops = 1 },
        },
        ["ended"] = new() { SpoolEnded = new() { Rows = { 5, 600 } } },
        ["deliver"] = new()
        {
            Ask = 4, PatienceMilliseconds = 4000, Shard = 1,
            DeliverMessage = new()
            {
                Mailboxes = { 3, 400 }, Body = 77, Head = ByteString.CopyFrom(1, 2), Octets = 300, Chunks = 1,
                WireOctets = 302, Traits = 2,
            },
        },
        ["delivered"] = new()
        {
            Ask = 4, IsAnswer = true, MessageDelivered = new() { Delivered = true, Mailboxes = { 3, 400 } },
        },
        ["import"] = new()
        {
            Ask = 5, PatienceMilliseconds = 20_000, Shard = 1,
            ImportMessage = new()
            {
                Mailbox = 3, Key = "k", Body = 77, Head = ByteString.CopyFrom(1, 2), Octets = 300, Chunks = 1,
                WireOctets = 302, InternalDateMilliseconds = 1000, Flags = 5, UniqueId = "u",
            },
        },
        ["imported"] = new()
        {
            Ask = 5, IsAnswer = true,
            MessageImported = new() { Outcome = MessageImported.Types.Outcome.UniqueIdTaken },
        },
    };

    [Theory]
    [InlineData("failure", "0807100142020801")]
    [InlineData("not here", "08AC0210014A060802104D1805")]
    [InlineData("open", "080118904E20F90452080801100018092008")]
    [InlineData("opened", "080110015A0B0802100418022203010203")]
    [InlineData("credit", "620408091004")]
    [InlineData("part", "6A06080912020102")]
    [InlineData("remove", "080218012001720E08031204C8010201180620042801")]
    [InlineData("removed", "080210017A020801")]
    [InlineData("show", "0803180120018201020803")]
    [InlineData("shown", "080310018A01070801100218AC02")]
    [InlineData("arrived", "92010F080110021A020304220305D8042801")]
    [InlineData("ended", "9A01050A0305D804")]
    [InlineData("deliver", "080418A01F2001A201150A03039003104D1A02010220AC02280130AE023802")]
    [InlineData("delivered", "08041001AA010708011203039003")]
    [InlineData("import", "080518A09C012001E2031B080312016B184D2202010228AC02300138AE0240E8074805520175")]
    [InlineData("imported", "08051001EA03020803")]
    public void The_octets_of_an_envelope_never_change(string name, string octets)
    {
        Assert.Equal(octets, Convert.ToHexString(Envelopes[name].ToByteArray()));
        Assert.Equal(Envelopes[name], Envelope.Parser.ParseFrom(Convert.FromHexString(octets)));
    }

    [Fact]
    public void Fields_and_bodies_of_a_newer_version_are_passed_over()
    {
        // Field 7 and a body 900, neither of which this version knows.
        var octets = Convert.FromHexString("0801" + "3805" + "A238" + "020801");
        var read = Envelope.Parser.ParseFrom(octets);
        Assert.Equal((1UL, Envelope.BodyOneofCase.None), (read.Ask, read.BodyCase));
    }

    [Fact]
    public void Every_body_of_mailboxes_and_the_spool_is_frozen_here()
    {
        var known = Envelope.Descriptor.Oneofs[0].Fields.Where(field => field.FieldNumber is < 30 or >= 60)
            .Select(field => field.Name).Order();
        Assert.Equal(known, Envelopes.Values.Select(envelope => Envelope.Descriptor
            .FindFieldByNumber((int)envelope.BodyCase).Name).Order());
    }
}
