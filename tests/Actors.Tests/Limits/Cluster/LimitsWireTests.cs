using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>What other versions rely on: octets of each message, and where homes are. Never to be changed.</summary>
public sealed class LimitsWireTests
{
    private static readonly LimitSubject Subject = new() { Kind = LimitSubject.Types.Kind.Ipv6, Value = 0x0102 };

    [Fact]
    public void Every_message_is_written_as_it_always_was()
    {
        var written = Messages().Select(message => Convert.ToHexStringLower(message.ToByteArray())).ToArray();
        Assert.Equal(
            [
                "080118f4032002f2011a0a0b080211020100000000000012076761746577617918072014",
                "08011001fa01020803",
                "82020f0a0b08021102010000000000001007",
                "8a02300a2908051001180122210a0b08021102010000000000001207676174657761791a0301ac022201022a01"
                    + "03120300ff07",
                "9202050a0300ff07",
                "9a020d0a0b0802110201000000000000",
                "a202180a0b0802110201000000000000120767617465776179183c",
                "aa02020802",
                "b2020d0a0b0802110201000000000000",
                "ba021a0a0b0802110201000000000000120b0802110201000000000000",
                "c2020708fa0110011801",
                "ca021c0a0b0802110201000000000000120b08021102010000000000001801",
                "d2022d080510091a27080210031a210a0b08021102010000000000001207676174657761791a0301ac02220102"
                    + "2a0103",
            ],
            written);
        foreach (var octets in written)
        {
            Assert.Equal(octets, Convert.ToHexStringLower(
                Envelope.Parser.ParseFrom(Convert.FromHexString(octets)).ToByteArray()));
        }
    }

    [Fact]
    public void Homes_are_where_they_always_were() => Assert.Equal(
        "540 148 929 350 400 297 538 49",
        string.Join(
            ' ',
            SourceLimits.ShardOf(Source).Number,
            SourceLimits.ShardOf(Other).Number,
            SourceLimits.ShardOf(Address("2001:db8::1")).Number,
            SourceLimits.ShardOf(new AccountId(1)).Number,
            SourceLimits.ShardOf(new AccountId(long.MaxValue)).Number,
            SourceLimits.ShardOf(LogonName.Of("alice@example.org")).Number,
            SourceLimits.ShardOf(Gateway, RateKey.All).Number,
            SourceLimits.ShardOf("Ä", RateKey.All).Number));

    [Fact]
    public void Addresses_in_a_row_spread_over_all_shards()
    {
        var counts = new int[MailboxId.Shards];
        for (var i = 0; i < 1000 * MailboxId.Shards; i++)
        {
            counts[SourceLimits.ShardOf(new SourceKey(false, (ulong)i)).Number]++;
        }

        Assert.InRange(counts.Min(), 800, 1000);
        Assert.InRange(counts.Max(), 1000, 1200);
    }

    private static IEnumerable<Envelope> Messages()
    {
        var row = new SourcePermits
        {
            Subject = Subject, Binding = "gateway", Held = { 1, 300 }, AskedElsewhere = { 2 }, Asked = { 3 },
        };
        yield return new Envelope
        {
            Ask = 1, Shard = 2, PatienceMilliseconds = 500,
            AdmitConnection = new() { Subject = Subject, Binding = "gateway", Connection = 7, Limit = 20 },
        };
        yield return new Envelope
        {
            Ask = 1, IsAnswer = true,
            ConnectionJudged = new() { Verdict = ConnectionJudged.Types.Verdict.TooMany },
        };
        yield return new Envelope { GiveBackPermit = new() { Subject = Subject, Connection = 7 } };
        yield return new Envelope
        {
            PermitReport = new()
            {
                Shards = { new ShardPermits { Shard = 5, IsFirst = true, IsLast = true, Sources = { row } } },
                Empty = { 0, 1023 },
            },
        };
        yield return new Envelope { WantPermits = new() { Shards = { 0, 1023 } } };
        yield return new Envelope { PlaceFreed = new() { Subject = Subject } };
        yield return new Envelope { TakeMessage = new() { Subject = Subject, Binding = "gateway", PerMinute = 60 } };
        yield return new Envelope { MessageCounted = new() { Verdict = MessageCounted.Types.Verdict.Exceeded } };
        yield return new Envelope { OweTarpit = new() { Subject = Subject } };
        yield return new Envelope { JudgeLogon = new() { Subject = Subject, Source = Subject } };
        yield return new Envelope
        {
            LogonJudged = new() { DelayMilliseconds = 250, IsRefused = true, IsKnown = true },
        };
        yield return new Envelope { LogonEnded = new() { Subject = Subject, Source = Subject, IsSuccess = true } };
        yield return new Envelope
        {
            ShardMoved = new()
            {
                Shard = 5, Epoch = 9, Holders = { new HolderPermits { Node = 2, Incarnation = 3, Sources = { row } } },
            },
        };
    }
}
