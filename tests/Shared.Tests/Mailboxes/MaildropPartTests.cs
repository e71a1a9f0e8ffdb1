using System.Text;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Shared.Tests.Mailboxes;

public sealed class MaildropPartTests
{
    private static readonly MailboxId Mailbox = new(5);

    [Theory]
    [InlineData(128)]
    [InlineData(200)]
    [InlineData(32 * 1024)]
    public void What_is_read_is_what_was_written_however_it_is_cut(int partOctets)
    {
        for (var seed = 1; seed <= 50; seed++)
        {
            var snapshot = Draw(new Random(seed));
            var read = Read(Parts(snapshot, partOctets), snapshot.Messages.Length);
            Assert.True(snapshot.Messages.AsSpan().SequenceEqual(read.Messages.AsSpan()), $"seed {seed}");
            Assert.Equal(snapshot.ForeignUniqueIds?.Count, read.ForeignUniqueIds?.Count);
            foreach (var entry in snapshot.Messages)
            {
                Assert.True(
                    UniqueId(snapshot, entry).SequenceEqual(UniqueId(read, entry)), $"seed {seed}, {entry.Number}");
            }
        }
    }

    [Fact]
    public void The_octets_are_those_that_other_versions_read()
    {
        var foreign = new ForeignUniqueIds.Builder();
        foreign.Add(new MessageNumber(MessageNumber.First + 300), "a.1");
        var snapshot = new MaildropSnapshot(
            Mailbox, 9,
            [
                new(new MessageNumber(MessageNumber.First), new BodyId(70_000), 1000, 1010),
                new(
                    new MessageNumber(MessageNumber.First + 300), new BodyId(64), uint.MaxValue, 0,
                    MessageTraits.Binary),
            ],
            foreign.Build());
        Assert.Equal(
            "8080E983B1DE16E0C508E8071400AC02DFC408FFFFFFFF0FFDFFFFFF1F0303612E31",
            Convert.ToHexString(Assert.Single(Parts(snapshot, 1024))));
    }

    [Fact]
    public void A_part_that_is_cut_or_changed_is_refused_or_read_and_nothing_worse()
    {
        var random = new Random(4);
        var part = Parts(Draw(random), 32 * 1024)[0];
        for (var length = 0; length < Math.Min(part.Length, 600); length++)
        {
            new MaildropPartReader().TryRead(part.AsSpan(0, length));
        }

        for (var i = 0; i < 20_000; i++)
        {
            var changed = part.AsSpan(0, random.Next(1, Math.Min(part.Length, 300))).ToArray();
            changed[random.Next(changed.Length)] = (byte)random.Next(256);
            var reader = new MaildropPartReader();
            if (reader.TryRead(changed))
            {
                Assert.True(reader.ToSnapshot(Mailbox, 1).Messages.Length <= changed.Length / 5);
            }
        }
    }

    [Theory]
    [InlineData("FF")]
    [InlineData("FFFFFFFFFFFFFFFFFFFFFF")]
    [InlineData("0102030400")]
    [InlineData("00020304")]
    [InlineData("0002030400")]
    [InlineData("0102030301")]
    [InlineData("010203030100")]
    [InlineData("01020303010261")]
    [InlineData("0102FFFFFFFF1F0000")]
    [InlineData("0102000100")]
    public void What_no_writer_writes_is_refused(string part)
    {
        var octets = Convert.FromHexString(part);
        Assert.Equal(part == "0102030400", new MaildropPartReader().TryRead(octets));
    }

    private static MaildropSnapshot Draw(Random random)
    {
        var number = MessageNumber.First;
        var foreign = new ForeignUniqueIds.Builder();
        var entries = new MessageEntry[random.Next(2000)];
        for (var i = 0; i < entries.Length; i++)
        {
            number += 1 + random.NextInt64(1L << random.Next(50));
            entries[i] = new MessageEntry(
                new MessageNumber(number), new BodyId(random.NextInt64()), (uint)random.NextInt64(uint.MaxValue),
                (uint)random.NextInt64(uint.MaxValue), (MessageTraits)random.Next(4));
            if (random.Next(5) == 0)
            {
                foreign.Add(entries[i].Number, Encoding.ASCII.GetBytes(new string('x', random.Next(1, 71))));
            }
        }

        return new MaildropSnapshot(Mailbox, random.Next(), [.. entries], foreign.Build());
    }

    private static List<byte[]> Parts(MaildropSnapshot snapshot, int partOctets)
    {
        List<byte[]> parts = [];
        var writer = new MaildropPartWriter(snapshot);
        var buffer = new byte[partOctets];
        while (!writer.IsAtEnd)
        {
            parts.Add(buffer.AsSpan(0, writer.Write(buffer)).ToArray());
        }

        return parts;
    }

    private static MaildropSnapshot Read(List<byte[]> parts, int messages)
    {
        var reader = new MaildropPartReader();
        reader.Expect(messages);
        Assert.All(parts, part => Assert.True(reader.TryRead(part)));
        Assert.Equal(messages, reader.Count);
        return reader.ToSnapshot(Mailbox, 1);
    }

    private static ReadOnlySpan<byte> UniqueId(MaildropSnapshot snapshot, MessageEntry entry) =>
        snapshot.ForeignUniqueIds is { } ids ? ids.Of(entry.Number) : default;
}
