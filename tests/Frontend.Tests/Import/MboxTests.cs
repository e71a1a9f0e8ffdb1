using System.Globalization;
using System.Text;
using MailCluster.Frontend.Import;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Frontend.Tests.Import;

public sealed class MboxTests
{
    private const string Mark = "From a@b.test Fri Jul  8 12:08:34 2011\n";

    [Theory]
    [InlineData("From a@b Fri Jul  8 12:08:34 2011\n", "2011-07-08T12:08:34Z")]
    [InlineData("From a@b Fri Jul 08 12:08 2011\r\n", "2011-07-08T12:08:00Z")]
    [InlineData("From - Mon Jan 01 12:00:00 2024", "2024-01-01T12:00:00Z")]
    [InlineData("From MAILER-DAEMON Fri Jul  8 12:08:34 EST 2011", "2011-07-08T12:08:34Z")]
    [InlineData("From a b c Fri Jul  8 12:08:34 2011 +0200", "2011-07-08T12:08:34+02:00")]
    [InlineData("From a@b Fri Jul  8 12:08:34 -0730 2011", "2011-07-08T12:08:34-07:30")]
    public void A_From_line_has_a_date(string line, string date)
    {
        Assert.True(MboxPostmark.TryParse(Encoding.ASCII.GetBytes(line), out var found));
        Assert.Equal(DateTimeOffset.Parse(date, CultureInfo.InvariantCulture), found);
    }

    [Theory]
    [InlineData("From here on it rains.\n")]
    [InlineData("From a@b Fri Jul 32 12:08:34 2011\n")]
    [InlineData("From a@b Fri Feb 29 12:08:34 2011\n")]
    [InlineData("From a@b Fri Jul  8 12:08:34\n")]
    [InlineData("From a@b Fri Jul  8 25:08:34 2011\n")]
    [InlineData("from a@b Fri Jul  8 12:08:34 2011\n")]
    [InlineData("From\n")]
    [InlineData("")]
    public void A_line_without_a_date_begins_no_message(string line) =>
        Assert.False(MboxPostmark.TryParse(Encoding.ASCII.GetBytes(line), out _));

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("\n\n", new string[0])]
    [InlineData(Mark, new[] { "" })]
    [InlineData(Mark + "A: 1\n\nbody\n\n" + Mark + "B: 2\n\nlast\n\n", new[] { "A: 1\n\nbody\n", "B: 2\n\nlast\n" })]
    [InlineData(Mark + "A: 1\n\nno final line end", new[] { "A: 1\n\nno final line end" })]
    [InlineData(Mark + "A: 1\n\ntwo empty lines\n\n\n" + Mark + "B: 2\n",
        new[] { "A: 1\n\ntwo empty lines\n\n", "B: 2\n" })]
    [InlineData(Mark + "A: 1\n\nFrom here on it rains.\n\n", new[] { "A: 1\n\nFrom here on it rains.\n" })]
    [InlineData(Mark + "A: 1\n\nx\n" + Mark + "\n", new[] { "A: 1\n\nx\n" + Mark })]
    [InlineData(Mark + Mark, new[] { Mark })]
    public void Messages_end_before_the_empty_line_in_front_of_the_next(string mbox, string[] messages)
    {
        Assert.Equal(messages, Split(mbox));
        Assert.Equal(
            messages.Select(message => message.ReplaceLineEndings("\r\n")), Split(mbox.ReplaceLineEndings("\r\n")));
    }

    [Fact]
    public void What_does_not_begin_with_a_From_line_is_no_mbox() =>
        Assert.Throws<SourceFault>(() => Split("Subject: x\n\nbody\n"));

    [Fact]
    public void Content_Length_is_not_trusted() =>
        Assert.Equal(2, Split($"{Mark}Content-Length: 100\n\nx\n\n{Mark}B: 1\n\ny\n").Length);

    [Fact]
    public void Ids_and_flags_are_read_from_the_header_only()
    {
        var message = Assert.Single(Scan(
            $"{Mark}Subject: x\nX-UIDL: abc!~ \nStatus: RO\nx-status: AFD\n\nX-UIDL: other\nStatus: x\n"));

        Assert.Equal("abc!~", message.UniqueId);
        Assert.Equal(
            MessageAttributes.Seen | MessageAttributes.Answered | MessageAttributes.Flagged | MessageAttributes.Deleted,
            message.Flags);
        Assert.Equal(new DateTimeOffset(2011, 7, 8, 12, 8, 34, TimeSpan.Zero), message.Date);
    }

    [Theory]
    [InlineData(nameof(MboxQuoting.Rd), ">From x\n>>From y\n>from\n> From\n>Fro\n>", "From x\r\n>From y\r\n>from\r\n> From\r\n>Fro\r\n>")]
    [InlineData(nameof(MboxQuoting.O), ">From x\n>>From y\n>From", "From x\r\n>>From y\r\n>From")]
    [InlineData(nameof(MboxQuoting.None), ">From x\n", ">From x\r\n")]
    [InlineData(nameof(MboxQuoting.None), "a\r\nb\n\nc\rd\n\r\n\r", "a\r\nb\r\n\r\nc\rd\r\n\r\n\r")]
    public async Task Lines_come_as_SMTP_would_have_brought_them(string quoting, string file, string stored)
    {
        foreach (var piece in (int[])[1, 2, 7, 4096])
        {
            using var stream = new StoredFormStream(
                new Trickle(Encoding.Latin1.GetBytes(file + "beyond"), piece), file.Length,
                Enum.Parse<MboxQuoting>(quoting));
            using var all = new MemoryStream();
            await stream.CopyToAsync(all, TestContext.Current.CancellationToken);
            Assert.Equal(stored, Encoding.Latin1.GetString(all.ToArray()));
        }
    }

    [Fact]
    public void A_hundred_thousand_messages_and_an_endless_line_take_constant_memory()
    {
        const int Messages = 100_000;
        var body = Encoding.ASCII.GetBytes($"{Mark}Subject: x\n\n{new string('y', 200)}\n\n");
        using var scanner = new MboxScanner(new Repeated(body, Messages, "z"u8.ToArray(), 20_000_000));
        _ = scanner.Next();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = 1;
        MboxMessage? last = null;
        for (; scanner.Next() is { } message; count++)
        {
            last = message;
        }

        Assert.Equal(Messages, count);
        Assert.Equal(20_000_000 + "Subject: x\n\n".Length + 200 + 2, last!.End - last.Start);

        // What a message takes is freed with it: nothing grows, so the whole is a sum of small things.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / count, 0, 3000);
    }

    [Fact]
    public void Identical_messages_have_names_of_their_own_that_stay_when_others_go()
    {
        const string Twin = Mark + "A: 1\n\nx\n\n";
        var file = Path.GetTempFileName();
        File.WriteAllText(file, Mark + "B: 2\n\ny\n\n" + Twin + Twin);
        var before = Keys(file);
        File.WriteAllText(file, Twin + Twin + Mark + "C: 3\n");
        var after = Keys(file);
        File.Delete(file);

        Assert.Equal(3, before.Distinct().Count());
        Assert.Equal(before[1..], after[..2]);
    }

    private static string[] Keys(string file) =>
        [.. new MboxSource(file, MboxQuoting.Rd, false).Read().Select(message => message.Key)];

    private static string[] Split(string mbox) =>
        [.. Scan(mbox).Select(message => mbox[(int)message.Start..(int)message.End])];

    private static List<MboxMessage> Scan(string mbox)
    {
        List<MboxMessage>? expected = null;
        foreach (var piece in (int[])[1, 3, 100_000])
        {
            List<MboxMessage> found = [];
            using var scanner = new MboxScanner(new Trickle(Encoding.Latin1.GetBytes(mbox), piece));
            while (scanner.Next() is { } message)
            {
                found.Add(message);
            }

            expected ??= found;
            Assert.Equal(
                expected.Select(message => (message.Start, message.End, Convert.ToHexString(message.Digest))),
                found.Select(message => (message.Start, message.End, Convert.ToHexString(message.Digest))));
        }

        return expected!;
    }

    /// <summary>Gives a few octets at a time.</summary>
    private sealed class Trickle(byte[] octets, int most) : MemoryStream(octets)
    {
        public override int Read(byte[] buffer, int offset, int count) =>
            base.Read(buffer, offset, Math.Min(count, most));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, most)]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span));
    }

    /// <summary>A block many times, then an octet many times, without a file of that size.</summary>
    private sealed class Repeated(byte[] block, int blocks, byte[] tail, long tails) : MemoryStream
    {
        private long _position;

        public override int Read(Span<byte> buffer)
        {
            var length = (long)block.Length * blocks;
            var count = 0;
            for (; count < buffer.Length && _position < length + tails; count++, _position++)
            {
                buffer[count] = _position < length ? block[_position % block.Length] : tail[0];
            }

            return count;
        }
    }
}
