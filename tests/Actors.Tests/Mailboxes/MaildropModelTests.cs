using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Testing.Cluster;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Sasl;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>
/// Real POP3 sessions over real mailbox actors beside a model: deliveries, concurrent sessions that list, read, mark,
/// quit, break off or time out, stores that fail, processes that crash before or after a commit and start again.
/// Unique-ids rise and are never given again (I4), no message goes that was not marked (I5), none is lost (I1). The
/// seed is printed; MAILCLUSTER_SEED replays it.
/// </summary>
public sealed class MaildropModelTests(ITestOutputHelper output)
{
    private const int Steps = 100_000;
    private const int Clients = 6;

    private static readonly MailboxId[] Mailboxes = [new(1), new(2), new(3)];

    [Fact]
    [Trait("Requirement", "STANXPOP3-NV-2.1.3")]
    [Trait("Requirement", "STANXPOP3-C0004")]
    [Trait("Requirement", "STANXPOP3-C0007")]
    [Trait("Requirement", "STANXPOP3-C0008")]
    [Trait("Requirement", "STANXPOP3-V0003")]
    [Trait("Requirement", "STANXPOP3-V0006")]
    public void Ids_are_never_given_again_and_nothing_unmarked_goes_over_100_000_steps()
    {
        var seed = Environment.GetEnvironmentVariable("MAILCLUSTER_SEED") is { } given
            ? ulong.Parse(given, CultureInfo.InvariantCulture)
            : (ulong)Random.Shared.NextInt64();
        output.WriteLine($"MAILCLUSTER_SEED={seed}");
        try
        {
            var run = new History(seed, Steps);
            run.Check();
            output.WriteLine(run.Report);
        }
        catch (Exception failure) when (failure is not OutOfMemoryException)
        {
            Assert.Fail($"MAILCLUSTER_SEED={seed}: {failure}");
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_history()
    {
        var (first, second) = (new History(11, 2_000), new History(11, 2_000));
        first.Check();
        second.Check();
        Assert.Equal(first.Report, second.Report);
    }

    private sealed class History(ulong seed, int steps)
    {
        private readonly Random _random = new((int)seed);
        private readonly Dictionary<MailboxId, Model> _models = Mailboxes.ToDictionary(box => box, _ => new Model());
        private CrashingNode? _node;
        private int _step;
        private int _crashes;
        private int _sessions;
        private int _delivered;

        public string Report { get; private set; } = "";

        public void Check()
        {
            using var run = new MailboxRun(seed, new MailboxOptions
            {
                IdleTimeout = TimeSpan.FromSeconds(2), RetryAfter = TimeSpan.FromMilliseconds(20),
            });
            _node = new CrashingNode(run);
            run.Scheduler.Run(() => Task.WhenAll(
                [.. Enumerable.Range(0, Clients).Select(_ => ClientAsync(run)), TroubleAsync(run)]));
            run.Store.CommitsToFail = run.Store.LoadsToFail = run.Store.PlacesToRefuse = 0;
            Crash(run);
            run.Scheduler.Advance(TimeSpan.FromMinutes(1));
            CheckStore(run.Store);
            Report = $"{_step} steps, {_sessions} sessions, {_delivered} messages, {_crashes} crashes, "
                + $"trace {run.Scheduler.Trace:x}";
        }

        private async Task ClientAsync(MailboxRun run)
        {
            while (_step < steps)
            {
                await WaitAsync(run, _random.Next(4));
                var node = _node!;
                try
                {
                    await (_random.Next(2) == 0 ? DeliverAsync(run, node) : SessionAsync(run, node));
                }
                catch (Exception gone) when (gone is CrashedException or AskFailedException)
                {
                    // The connection is gone with its process, or nobody knows what came of it.
                }
            }
        }

        private async Task DeliverAsync(MailboxRun run, CrashingNode node)
        {
            _step++;
            var to = Mailboxes.Where(_ => _random.Next(3) == 0).DefaultIfEmpty(Mailboxes[0]).ToArray();
            var body = run.Store.NextId();
            foreach (var mailbox in to)
            {
                _models[mailbox].Sent.Add(body);
            }

            if (await node.DeliverAsync(body, to) == AcceptVerdict.Committed)
            {
                _delivered++;
                foreach (var mailbox in to)
                {
                    // It may have been read and removed before we heard of it.
                    _models[mailbox].Kept.Add(body);
                    _models[mailbox].Kept.ExceptWith(_models[mailbox].MayBeGone);
                }
            }
        }

        private async Task SessionAsync(MailboxRun run, CrashingNode node)
        {
            _sessions++;
            var mailbox = Mailboxes[_random.Next(Mailboxes.Length)];
            var model = _models[mailbox];
            ImmutableArray<BodyId> expected = [.. model.Kept];
            if (await node.OpenAsync(mailbox) is not { } snapshot)
            {
                return;
            }

            model.Saw(snapshot, expected);
            var client = new Client(snapshot);
            var listed = client.Say("UIDL");
            for (var commands = _random.Next(1, 12); commands > 0; commands--)
            {
                _step++;
                await WaitAsync(run, _random.Next(3));
                Command(client, run.Store.Rows(mailbox));
            }

            Assert.Equal(listed, client.AfterReset("UIDL"));
            client.MarkAgain();
            await EndAsync(node, client, model);
        }

        /// <summary>Anything a client may say, numbers of no message among it.</summary>
        private void Command(Client client, IReadOnlyList<SimulatedRow> rows)
        {
            var number = _random.Next(-1, client.Count + 2);
            switch (_random.Next(8))
            {
                case < 4:
                    client.Mark(number);
                    break;
                case 4 when _random.Next(3) == 0:
                    client.Reset();
                    break;
                case 5:
                    client.Retrieve(number, entry => rows.Any(row => row.Number == entry.Number.Value));
                    break;
                default:
                    client.CheckTotals();
                    break;
            }
        }

        private async Task EndAsync(CrashingNode node, Client client, Model model)
        {
            switch (_random.Next(6))
            {
                case 0:
                    client.TimeOut();
                    break;
                case 1:
                    // Cut off in the middle.
                    break;
                default:
                    if (client.Quit() is not { } update)
                    {
                        break;
                    }

                    Assert.Equal(client.Marked, update.Numbers.Select(number => number.Value));
                    model.Asked(update.Numbers);
                    var isRemoved = await node.DeleteAsync(update);
                    Assert.StartsWith(isRemoved ? "+OK" : "-ERR", client.Updated(isRemoved), StringComparison.Ordinal);
                    if (isRemoved)
                    {
                        model.GoneForSure.UnionWith(update.Numbers.Select(number => number.Value));
                    }

                    break;
            }
        }

        private async Task TroubleAsync(MailboxRun run)
        {
            while (_step < steps)
            {
                await WaitAsync(run, _random.Next(200));
                switch (_random.Next(8))
                {
                    case 0:
                        run.Store.CommitsToFail = 1;
                        break;
                    case 1:
                        run.Store.PlacesToRefuse = 1;
                        break;
                    case 2:
                        run.Store.LoadsToFail = 1;
                        break;
                    case 3:
                        run.Store.IsHeld = true;
                        await WaitAsync(run, _random.Next(30));
                        run.Store.Resume();
                        break;
                    case 4 or 5:
                        Crash(run);
                        break;
                }
            }
        }

        /// <summary>What was being written is there up to some place, and nobody hears of it.</summary>
        private void Crash(MailboxRun run)
        {
            _crashes++;
            run.Store.Crash(_random.Next(4));
            run.Store.Resume();
            run.Start();
            _node!.Die();
            _node = new CrashingNode(run);
            CheckStore(run.Store);
        }

        private static Task WaitAsync(MailboxRun run, int milliseconds) =>
            run.WaitAsync(TimeSpan.FromMilliseconds(milliseconds));

        private void CheckStore(SimulatedMailDatabase store)
        {
            Assert.Empty(store.Refusals);
            foreach (var (mailbox, model) in _models)
            {
                model.CheckStored(store.Rows(mailbox), store.Given(mailbox), store.Removed(mailbox));
            }
        }
    }

    /// <summary>What is known of one mailbox from the outside.</summary>
    private sealed class Model
    {
        private readonly Dictionary<long, BodyId> _bodies = [];
        private readonly HashSet<long> _asked = [];
        private int _given;
        private int _removed;
        private long _last;

        public HashSet<BodyId> Sent { get; } = [];

        /// <summary>Acknowledged, and nobody has quit with it marked.</summary>
        public HashSet<BodyId> Kept { get; } = [];

        public HashSet<BodyId> MayBeGone { get; } = [];

        public HashSet<long> GoneForSure { get; } = [];

        public void Saw(MaildropSnapshot snapshot, ImmutableArray<BodyId> expected)
        {
            long last = 0;
            foreach (var entry in snapshot.Messages)
            {
                Assert.True(entry.Number.Value > last, "Unique-ids do not rise.");
                last = entry.Number.Value;
                Assert.Contains(entry.Body, Sent);
                Assert.DoesNotContain(last, GoneForSure);
                Assert.True(
                    _bodies.TryAdd(last, entry.Body) || _bodies[last] == entry.Body, "A unique-id was given twice.");
            }

            var seen = snapshot.Messages.Select(entry => entry.Body).ToHashSet();
            Assert.All(expected.Where(Kept.Contains), body => Assert.Contains(body, seen));
        }

        public void Asked(ImmutableArray<MessageNumber> numbers)
        {
            foreach (var number in numbers)
            {
                _asked.Add(number.Value);
                MayBeGone.Add(_bodies[number.Value]);
                Kept.Remove(_bodies[number.Value]);
            }
        }

        /// <summary>Looks only at what is new, so that a long history stays cheap.</summary>
        public void CheckStored(
            IReadOnlyList<SimulatedRow> rows, IReadOnlyList<long> given, IReadOnlyList<long> removed)
        {
            for (; _given < given.Count; _given++)
            {
                Assert.True(given[_given] > _last, "A number was given again.");
                _last = given[_given];
            }

            for (; _removed < removed.Count; _removed++)
            {
                Assert.Contains(removed[_removed], _asked);
            }

            Assert.Equal(given.Count, removed.Count + rows.Count);
            var stored = rows.Select(row => row.Body).ToHashSet();
            Assert.Equal(rows.Count, stored.Count);
            Assert.All(Kept, body => Assert.Contains(body, stored));
            Assert.All(rows, row => Assert.DoesNotContain(row.Number, GoneForSure));
        }
    }

    /// <summary>One connection: a real session, and what it must say.</summary>
    private sealed class Client
    {
        private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        private static readonly Pop3SessionOptions Options = new() { LoginType = Pop3LoginType.PlainTextLogin };

        private readonly List<Pop3Effect> _effects = [];
        private readonly SortedSet<int> _marked = [];
        private readonly MaildropSnapshot _snapshot;
        private readonly Pop3Session _session = new(Options, isTlsActive: false);

        public Client(MaildropSnapshot snapshot)
        {
            _snapshot = snapshot;
            var account = new AccountId(snapshot.Mailbox.Value);
            var identity = new SaslIdentity(account, new TenantId(1), "user@example.test");
            _session.Start(Now, _effects);
            Say("USER user");
            Say("PASS secret");
            Answer(new Pop3Answer.Sasl(new SaslAnswer.PasswordAccepted(identity)));
            Answer(new Pop3Answer.MaildropOpened(snapshot));
        }

        public int Count => _snapshot.Messages.Length;

        public IEnumerable<long> Marked => _marked.Select(number => _snapshot.Messages[number - 1].Number.Value);

        public string Say(string line)
        {
            _effects.Clear();
            _session.Line(Encoding.ASCII.GetBytes(line), Now, _effects);
            return Reply();
        }

        public void Mark(int number)
        {
            var isGood = number >= 1 && number <= Count && !_marked.Contains(number);
            Assert.StartsWith(isGood ? "+OK" : "-ERR", Say($"DELE {number}"), StringComparison.Ordinal);
            if (isGood)
            {
                _marked.Add(number);
            }
        }

        public void Reset()
        {
            Assert.StartsWith("+OK", Say("RSET"), StringComparison.Ordinal);
            _marked.Clear();
        }

        /// <summary>What a command says while nothing is marked.</summary>
        public string AfterReset(string line)
        {
            Say("RSET");
            return Say(line);
        }

        public void MarkAgain()
        {
            foreach (var number in _marked)
            {
                Assert.StartsWith("+OK", Say($"DELE {number}"), StringComparison.Ordinal);
            }
        }

        public void Retrieve(int number, Func<MessageEntry, bool> isThere)
        {
            var reply = Say($"RETR {number}");
            if (number < 1 || number > Count || _marked.Contains(number))
            {
                Assert.StartsWith("-ERR", reply, StringComparison.Ordinal);
                return;
            }

            var verdict = isThere(_snapshot.Messages[number - 1]) ? SendVerdict.Sent : SendVerdict.Gone;
            Answer(new Pop3Answer.MessageSent(verdict));
            Assert.Equal(verdict == SendVerdict.Gone, Reply().StartsWith("-ERR", StringComparison.Ordinal));
        }

        public void CheckTotals()
        {
            var octets = _snapshot.Messages.Sum(entry => (long)entry.Octets);
            octets -= _marked.Sum(number => (long)_snapshot.Messages[number - 1].Octets);
            Assert.Equal($"+OK {Count - _marked.Count} {octets}\r\n", Say("STAT"));
        }

        public void TimeOut()
        {
            _effects.Clear();
            _session.TimedOut(ConnectionEndReason.Inactivity, _effects);
            Assert.DoesNotContain(_effects, effect => effect is Pop3Effect.Update);
            Assert.StartsWith("-ERR", Reply(), StringComparison.Ordinal);
        }

        /// <summary>What it wants removed; null: nothing.</summary>
        public Pop3Effect.Update? Quit()
        {
            Say("QUIT");
            var update = _effects.OfType<Pop3Effect.Update>().SingleOrDefault();
            Assert.Equal(_marked.Count == 0, update is null);
            return update;
        }

        public string Updated(bool isRemoved)
        {
            Answer(new Pop3Answer.Updated(isRemoved));
            return Reply();
        }

        private void Answer(Pop3Answer answer)
        {
            _effects.Clear();
            _session.Answer(answer, Now, _effects);
        }

        private string Reply()
        {
            var text = string.Concat(_effects.OfType<Pop3Effect.Reply>().Select(reply => reply.Value.ToString()));
            if (!_effects.Any(effect => effect is Pop3Effect.SendListing))
            {
                return text;
            }

            var listing = _session.NewListing(Pop3ListingKind.UniqueId);
            var piece = new byte[64 * 1024];
            Assert.True(listing.Write(piece, out var written));
            return text + Encoding.ASCII.GetString(piece, 0, written);
        }
    }
}
