using System.Text;
using MailCluster.LoadTest.Clients;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Scenarios;
using Xunit;

namespace MailCluster.LoadTest.Tests;

public sealed class LedgerTests : IDisposable
{
    private const string Run = "0123456789ab";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mailcluster-ledger-");

    private string LedgerPath => Path.Combine(_folder.FullName, "a.ledger");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_is_as_it_should_be_is_green()
    {
        Write(ledger =>
        {
            ledger.Acknowledge(1, "q1"u8, [0, 1]);
            ledger.Acknowledge(2, default, [0]);
            ledger.Removed(ledger.Removing(1, [1]));
            ledger.Seen(0, 2);
        });
        var verdict = Judge((0, 1), (0, 2));
        Assert.True(verdict.IsGreen, verdict.ToString());
        Assert.Equal((2, 3, 2, 1), (verdict.Acknowledged, verdict.Copies, verdict.Found, verdict.Removed));
        Assert.True(verdict.RunFinished);
    }

    [Fact]
    public void A_loss_a_duplicate_a_resurrection_a_removal_without_mark_and_a_stray_are_each_found()
    {
        Write(ledger =>
        {
            for (var number = 1; number <= 6; number++)
            {
                ledger.Acknowledge(number, "q"u8, [0]);
            }

            ledger.Removed(ledger.Removing(0, [3]));
            ledger.Seen(0, 4);
        });
        var verdict = Judge((0, 2), (0, 2), (0, 3), (0, 5), (0, 6), (1, 6));
        Assert.Equal(
            [
                (FindingKind.Lost, 1L), (FindingKind.RemovedUnmarked, 4L), (FindingKind.Duplicate, 2L),
                (FindingKind.Resurrected, 3L), (FindingKind.Stray, 6L),
            ],
            verdict.Findings.Select(finding => (finding.Kind, finding.Number)).Order());
        Assert.Equal(5, verdict.FindingCount);
        Assert.StartsWith("RED", verdict.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_not_acknowledged_may_be_there_once_and_not_twice()
    {
        Write(ledger => ledger.Acknowledge(1, default, [0]));
        Assert.True(Judge((0, 1), (1, 7)).IsGreen);
        Assert.Equal(1, Judge((0, 1), (1, 7)).Unacknowledged);
        Assert.Equal(FindingKind.Duplicate, Assert.Single(Judge((0, 1), (1, 7), (1, 7)).Findings).Kind);
    }

    [Fact]
    public void A_removal_without_an_answer_may_have_been_done_or_not()
    {
        Write(ledger =>
        {
            ledger.Acknowledge(1, default, [0]);
            ledger.Removing(0, [1]);
        });
        Assert.True(Judge().IsGreen);
        Assert.True(Judge((0, 1)).IsGreen);
        Assert.Equal(1, Judge().Undecided);
    }

    [Fact]
    public void A_ledger_of_a_generator_that_died_is_read_to_its_last_whole_line()
    {
        Write(ledger =>
        {
            ledger.Acknowledge(1, default, [0]);
            ledger.Acknowledge(2, "abc"u8, [1]);
        }, finishes: false);
        var octets = File.ReadAllBytes(LedgerPath);
        for (var length = octets.Length - 8; length < octets.Length; length++)
        {
            var cut = Path.Combine(_folder.FullName, "cut.ledger");
            File.WriteAllBytes(cut, octets[..length]);
            var book = LedgerBook.Read(cut);
            Assert.False(book.IsFinished);
            Assert.Equal(1, book.Acknowledged);
        }

        Assert.Equal(2, LedgerBook.Read(LedgerPath).Acknowledged);
        Assert.Equal("abc", LedgerBook.QueueIds(LedgerPath, new HashSet<long> { 2 })[2]);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("hello\n", "is not a ledger")]
    [InlineData("HEAD\nA 1 - 99\n", "line 2")]
    [InlineData("HEAD\nD 4\n", "line 2")]
    public void A_file_that_is_no_ledger_is_refused(string text, string fault)
    {
        Write(_ => { }, finishes: false);
        var head = File.ReadAllLines(LedgerPath)[0];
        var other = Path.Combine(_folder.FullName, "other.ledger");
        File.WriteAllText(other, text.Replace("HEAD", head, StringComparison.Ordinal));
        Assert.Contains(
            fault, Assert.Throws<LoadFaultException>(() => LedgerBook.Read(other)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ledger_is_never_written_over_and_nobody_else_can_read_it()
    {
        Write(_ => { });
        Assert.Throws<LoadFaultException>(() => Write(_ => { }));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(LedgerPath));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(81)]
    [InlineData(4096)]
    [InlineData(300_000)]
    public void A_message_is_recognized_and_its_body_compared_octet_for_octet(int wanted)
    {
        var message = new LoadMessage(Run);
        var size = LoadMessage.BodySize(wanted);
        Assert.InRange(size, Math.Max(4, wanted) - 1, Math.Max(4, wanted));
        var buffer = new byte[1024];
        var header = buffer[..message.WriteHeader(buffer, 4711, size, "a@b.test"u8, "c@d.test"u8)];
        var body = new List<byte>();
        while (body.Count < size - 2)
        {
            body.AddRange(message.Piece(4711, size, body.Count).Span);
        }

        body.AddRange("\r\n"u8);
        Assert.Equal(size, body.Count);
        Assert.DoesNotContain("\n.", Encoding.ASCII.GetString([.. body]), StringComparison.Ordinal);
        Assert.True(message.TryFind(header, out var found));
        Assert.Equal((4711, size), (found.Number, found.Octets));
        Assert.True(message.IsBody(found, [.. body]));
        Assert.False(message.IsBody(found, [.. body.Skip(1)]));
        body[size / 2] ^= 1;
        Assert.False(message.IsBody(found, [.. body]));
        Assert.False(new LoadMessage("ba9876543210").TryFind(header, out _));
    }

    [Fact]
    public void Users_of_a_tenant_are_drawn_from_that_tenant_only()
    {
        var users = new Population(new UserPlan(10, 3, "u{0:000}", "t{0}.test", null, true), "secret");
        var random = new Random(1);
        var drawn = Enumerable.Range(0, 500).Select(_ => users.AddressText(users.Draw(random, 2))).Distinct().Order();
        Assert.Equal(["u001@t2.test", "u002@t2.test", "u003@t2.test"], drawn);
        Assert.Equal(10, Enumerable.Range(0, 500).Select(_ => users.Draw(random, 0)).Distinct().Count());
        Assert.NotEqual(users.PasswordText(0), users.PasswordText(1));
    }

    private LedgerVerdict Judge(params (int User, long Number)[] there)
    {
        var book = LedgerBook.Read(LedgerPath);
        var tally = new LedgerTally(
            book, new Population(new UserPlan(2, 1, "user{0}", "load{0}.test", null, true), "secret"));
        foreach (var (user, number) in there)
        {
            tally.Found(user, number, isWhole: true);
        }

        return tally.Judge(LedgerPath, tally.Missing());
    }

    private void Write(Action<Ledger> entries, bool finishes = true)
    {
        using var ledger = Ledger.Create(LedgerPath, new LedgerHead
        {
            Run = Run, Scenario = "test", Users = 2, Tenants = 1, Name = "user{0}", Domain = "load{0}.test",
            Secret = "secret",
        });
        entries(ledger);
        if (finishes)
        {
            ledger.Finish();
        }
        else
        {
            ledger.Write();
        }
    }
}
