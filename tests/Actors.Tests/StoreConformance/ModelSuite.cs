using System.Globalization;
using System.Text;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>
/// Random deliveries, removals, faults, sweeps and crashes beside a model of what must be there.
/// MAILCLUSTER_TEST_SEED replays one run.
/// </summary>
public abstract class ModelSuite(IStoreEngine engine) : StoreSuite(engine)
{
    private const int Users = 4;
    private const int Rounds = 120;

    private readonly List<MailboxId> _users = [];
    private readonly Dictionary<MailboxId, SortedDictionary<long, (BodyId Body, string Text)>> _model = [];
    private readonly Dictionary<MailboxId, (long Number, long ModSeq, uint Uid)> _counters = [];
    private readonly List<(SpoolRow Row, StoreOperation.InsertBody Body, string Text)> _spooled = [];

    [Fact]
    public async Task A_store_holds_what_was_committed_and_nothing_else_through_crashes()
    {
        var seed = Environment.GetEnvironmentVariable("MAILCLUSTER_TEST_SEED") is { } given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : Random.Shared.Next();
        var random = new Random(seed);
        for (var user = 0; user < Users; user++)
        {
            var mailbox = await Store.AddUserAsync($"user{user}");
            _users.Add(mailbox);
            _model.Add(mailbox, []);
            _counters.Add(mailbox, (0, 1, 1));
        }

        for (var round = 0; round < Rounds; round++)
        {
            await PlayAsync(random);
            if (random.Next(12) == 0)
            {
                await CrashAsync();
            }

            if (random.Next(12) == 0)
            {
                Time.Move(TimeSpan.FromHours(25));
                await Engine.SweepAsync(Store);
            }

            await CompareAsync($"MAILCLUSTER_TEST_SEED={seed}, round {round}");
        }
    }

    // Several units in flight at once, as the mailboxes of a node have them.
    private async Task PlayAsync(Random random)
    {
        var commits = new List<(Task<CommitOutcome> Outcome, CommitOutcome Expected)>();
        for (var unit = random.Next(1, 12); unit > 0; unit--)
        {
            commits.Add(random.Next(13) switch
            {
                < 6 => (Deliver(random), CommitOutcome.Committed),
                10 => (Spool(random), CommitOutcome.Committed),
                11 => (Arrive(random), CommitOutcome.Committed),
                12 => (ArriveTwice(random), CommitOutcome.Refused),
                < 8 => (Remove(random), CommitOutcome.Committed),
                8 => (DeliverTwice(random), CommitOutcome.Refused),
                _ => (RemoveTooMuch(random), CommitOutcome.Refused),
            });
        }

        foreach (var (outcome, expected) in commits)
        {
            Assert.Equal(expected, await outcome);
        }
    }

    private Task<CommitOutcome> Deliver(Random random)
    {
        var text = new string((char)('a' + random.Next(26)), random.Next(1, 3000));
        var body = Store.Body(text);
        var operations = new List<StoreOperation> { body };
        foreach (var user in _users.Where(_ => random.Next(2) == 0).Append(_users[0]).Distinct())
        {
            var (number, modSeq, uid) = _counters[user];
            number += random.Next(1, 5);
            modSeq += random.Next(1, 3);
            operations.Add(StoreSteps.Message(user, number, body, uid, modSeq));
            _counters[user] = (number, modSeq, uid + 1);
            _model[user].Add(number, (body.Body, text));
        }

        return Store.CommitAsync([.. operations]);
    }

    private Task<CommitOutcome> Spool(Random random)
    {
        var text = new string((char)('a' + random.Next(26)), random.Next(1, 3000));
        var body = Store.Body(text);
        var operations = new List<StoreOperation> { body };
        foreach (var user in _users.Where(_ => random.Next(2) == 0).Append(_users[0]).Distinct())
        {
            var row = new SpoolRow(
                Store.Spool.NextId(), user, body.Body, (uint)body.Octets, (uint)body.Octets,
                new SpoolEnvelope("", "user@example.test", SmtpBodyKind.SevenBit, false, null),
                StoreSteps.Received, 0, StoreSteps.Received, null);
            operations.Add(new StoreOperation.InsertSpool(row));
            _spooled.Add((row, body, text));
        }

        return Store.CommitAsync([.. operations]);
    }

    private Task<CommitOutcome> Arrive(Random random)
    {
        if (_spooled.Count == 0)
        {
            return Spool(random);
        }

        var at = random.Next(_spooled.Count);
        var (row, body, text) = _spooled[at];
        _spooled.RemoveAt(at);
        var (number, modSeq, uid) = _counters[row.Mailbox];
        _counters[row.Mailbox] = (number + 1, modSeq + 1, uid + 1);
        _model[row.Mailbox].Add(number + 1, (body.Body, text));
        return Store.CommitAsync(
            new StoreOperation.TakeSpooled(row.Id), StoreSteps.Message(row.Mailbox, number + 1, body, uid, modSeq + 1));
    }

    // The row is gone: the message that would come with it must not.
    private Task<CommitOutcome> ArriveTwice(Random random)
    {
        var user = _users[random.Next(Users)];
        var (number, modSeq, uid) = _counters[user];
        var body = Store.Body("never seen");
        return Store.CommitAsync(
            body, StoreSteps.Message(user, number + 1, body, uid, modSeq + 1),
            new StoreOperation.TakeSpooled(Store.Spool.NextId()));
    }

    private Task<CommitOutcome> Remove(Random random)
    {
        var user = _users[random.Next(Users)];
        var (number, modSeq, uid) = _counters[user];
        _counters[user] = (number, modSeq + 1, uid);
        long[] gone = [.. _model[user].Keys.Where(_ => random.Next(4) == 0)];
        foreach (var one in gone)
        {
            _model[user].Remove(one);
        }

        return Store.CommitAsync(StoreSteps.Removal(user, modSeq + 1, gone));
    }

    // The last recipient is at fault: what the first ones wrote has to go again.
    private Task<CommitOutcome> DeliverTwice(Random random)
    {
        var body = Store.Body("never seen");
        var user = _users[random.Next(Users)];
        var (number, modSeq, uid) = _counters[user];
        var good = StoreSteps.Message(user, number + 1, body, uid, modSeq + 1);
        return Store.CommitAsync(body, good, good with { Uid = new Uid(uid + 1) });
    }

    private Task<CommitOutcome> RemoveTooMuch(Random random)
    {
        var user = _users[random.Next(Users)];
        var (number, modSeq, _) = _counters[user];
        return Store.CommitAsync(StoreSteps.Removal(user, modSeq + 1, [.. _model[user].Keys, number + 1]));
    }

    private async Task CompareAsync(string where)
    {
        foreach (var user in _users)
        {
            var image = (await Store.Mailboxes.LoadAsync(user, CancellationToken.None))!;
            var (number, modSeq, uid) = _counters[user];
            Assert.True(image.LastNumber.Value == number && image.ModSeq.Value == modSeq, where);
            Assert.True(image.Folders[0].UidNext.Value == uid, where);
            var octets = _model[user].Values.Sum(message => (long)message.Text.Length);
            Assert.True(await Store.Quotas.UsedOctetsAsync(user, CancellationToken.None) == octets, where);
            Assert.True(image.Inbox.Select(entry => entry.Number.Value).SequenceEqual(_model[user].Keys), where);
        }

        var spooled = await Store.Spool.ListAsync(new SpoolFilter(), default, 10_000, CancellationToken.None);
        Assert.True(spooled.SequenceEqual(_spooled.Select(one => one.Row).OrderBy(row => row.Id.Value)), where);
        Assert.True(Store.Spool.Count == _spooled.Count, where);
        foreach (var (_, spooledBody, text) in _spooled.Take(3))
        {
            Assert.True(await Store.TextAsync(spooledBody.Body) == text, where);
        }

        var some = _model[_users[0]].Values.LastOrDefault();
        if (some.Text is not null)
        {
            var buffer = new byte[4000];
            var read = await Store.Bodies.ReadAsync(some.Body, 0, buffer, CancellationToken.None);
            Assert.True(Encoding.ASCII.GetString(buffer, 0, read) == some.Text, where);
        }
    }
}
