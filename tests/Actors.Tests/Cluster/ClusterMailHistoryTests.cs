using MailCluster.Actors.Kernel;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using Xunit;
using static MailCluster.Actors.Tests.Cluster.MailClusterRun;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Random histories of three nodes under load: what was acknowledged is there once, what was removed is gone and
/// nothing else, numbers rise.
/// </summary>
public sealed class ClusterMailHistoryTests
{
    private const int Seeds = 30;

    private static readonly MailboxId[] Mailboxes = [Alice, Bob, Carol];

    [Fact]
    public void Planned_moves_under_load_lose_no_message_and_no_removal_and_refuse_nobody()
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var history = new History(seed);
            history.Play(moves: true, kills: false);
            Assert.Equal((0, 0), (history.Refused, history.RemovalsUnknown));
            Assert.Equal(0, history.Run.Database.FencedOff);
            Assert.InRange(history.Removed.Count, 1, int.MaxValue);
        }
    }

    [Fact]
    public void Moves_and_kills_lose_and_double_nothing_that_was_acknowledged()
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            new History(seed).Play(moves: true, kills: true);
        }
    }

    [Fact]
    public void One_seed_is_one_run()
    {
        Assert.Equal(Trace(4711), Trace(4711));
        Assert.NotEqual(Trace(4711), Trace(4712));

        static ulong Trace(int seed)
        {
            var history = new History(seed);
            history.Play(moves: true, kills: true);
            return history.Run.Scheduler.Trace;
        }
    }

    private sealed class History(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly List<(BodyId Body, MailboxId[] Mailboxes)> _acknowledged = [];
        private readonly HashSet<(MailboxId Mailbox, long Number)> _marked = [];
        private bool _isOver;

        public MailClusterRun Run { get; } = new((ulong)seed);

        public HashSet<(MailboxId Mailbox, long Number)> Removed { get; } = [];

        /// <summary>Messages answered with 451.</summary>
        public int Refused { get; private set; }

        /// <summary>Removals answered with -ERR.</summary>
        public int RemovalsUnknown { get; private set; }

        public void Play(bool moves, bool kills)
        {
            Run.Network.Jitter = TimeSpan.FromMilliseconds(2);

            // Longer than a move takes beside it, so that one which waits for nothing is seen.
            Run.Database.CommitTime = TimeSpan.FromMilliseconds(15);
            Run.Scheduler.Run(async () =>
            {
                var working = Enumerable.Range(0, 4).Select(i => i % 2 == 0 ? SendAsync() : ReadAsync()).ToList();
                for (var i = 0; i < 8; i++)
                {
                    await Run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(400)));
                    if (kills && _random.Next(4) == 0)
                    {
                        await KillAsync();
                    }
                    else if (moves)
                    {
                        await Run.MoveAsync(Any(Mailboxes), Any(Run.Nodes));
                    }
                }

                _isOver = true;
                await Task.WhenAll(working);
                await Run.WaitAsync(TimeSpan.FromMinutes(2));
            });
            Check();
        }

        private T Any<T>(IReadOnlyList<T> things) => things[_random.Next(things.Count)];

        private async Task KillAsync()
        {
            var dead = Any(Run.Nodes);
            Run.Kill(dead, _random.Next(3));
            await Run.WaitAsync(TimeSpan.FromSeconds(2 + _random.NextDouble()));
            Run.Claim(dead, Any(Run.Nodes));
            await Run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(1000)));
            Run.Restart(dead);
        }

        private async Task SendAsync()
        {
            while (!_isOver)
            {
                var body = Run.Database.NextId();
                var mailboxes = Mailboxes.Where(_ => _random.Next(2) == 0).DefaultIfEmpty(Alice).ToArray();
                var node = Any(Run.Nodes);
                var verdict = await OrDeathAsync(node, node.DeliverAsync(body, mailboxes));
                if (verdict == AcceptVerdict.Committed)
                {
                    _acknowledged.Add((body, mailboxes));
                }
                else if (verdict is not null)
                {
                    Refused++;
                }

                await Run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(100)));
            }
        }

        private async Task ReadAsync()
        {
            while (!_isOver)
            {
                var node = Any(Run.Nodes);
                var mailbox = Any(Mailboxes);
                await Run.WaitAsync(TimeSpan.FromMilliseconds(_random.Next(200)));
                try
                {
                    var shown = Expected(mailbox);
                    if (await OrDeathAsync(node, node.OpenAsync(mailbox)) is { } snapshot)
                    {
                        // Another session may have removed some meanwhile.
                        shown.RemoveWhere(number => _marked.Contains((mailbox, number)));
                        Assert.Superset(shown, snapshot.Messages.Select(entry => entry.Number.Value).ToHashSet());
                        await RemoveAsync(node, snapshot);
                    }
                }
                catch (AskFailedException)
                {
                    RemovalsUnknown++;
                }
            }
        }

        /// <summary>
        /// What a session that begins now has to see: delivered and acknowledged, and not marked by anyone.
        /// </summary>
        private HashSet<long> Expected(MailboxId mailbox)
        {
            var bodies = _acknowledged.Select(sent => sent.Body).ToHashSet();
            return
            [
                .. Run.Database.Rows(mailbox)
                    .Where(row => bodies.Contains(row.Body) && !_marked.Contains((mailbox, row.Number)))
                    .Select(row => row.Number),
            ];
        }

        private async Task RemoveAsync(MailNode node, MaildropSnapshot snapshot)
        {
            var marked = snapshot.Messages.Where(_ => _random.Next(3) == 0).Select(entry => entry.Number).ToArray();
            if (marked.Length == 0)
            {
                return;
            }

            _marked.UnionWith(marked.Select(number => (snapshot.Mailbox, number.Value)));
            if (await OrDeathAsync(node, node.DeleteAsync(snapshot.Mailbox, [.. marked])) is { } isRemoved)
            {
                RemovalsUnknown += isRemoved ? 0 : 1;
                Removed.UnionWith(isRemoved ? marked.Select(number => (snapshot.Mailbox, number.Value)) : []);
            }
        }

        /// <summary>Default: the node died before it answered.</summary>
        private async Task<T?> OrDeathAsync<T>(MailNode node, Task<T> answer)
        {
            await Task.WhenAny(answer, node.Died);
            return Run.Nodes.Contains(node) ? await answer : default;
        }

        private async Task<bool?> OrDeathAsync(MailNode node, Task<bool> answer) =>
            await OrDeathAsync(node, Nullable(answer));

        private async Task<AcceptVerdict?> OrDeathAsync(MailNode node, Task<AcceptVerdict> answer) =>
            await OrDeathAsync(node, Nullable(answer));

        private static async Task<T?> Nullable<T>(Task<T> answer)
            where T : struct => await answer;

        private void Check()
        {
            var why = $"seed {seed}";
            Assert.True(Run.Database.Spool.Rows.Count == 0, why);
            foreach (var (body, mailboxes) in _acknowledged)
            {
                var put = Run.Database.Committed(body).OrderBy(mailbox => mailbox.Value);
                Assert.True(put.SequenceEqual(mailboxes.OrderBy(mailbox => mailbox.Value)), $"{why}, {body}");
            }

            foreach (var mailbox in Mailboxes)
            {
                var removed = Run.Database.Removed(mailbox).Select(number => (mailbox, number)).ToList();
                Assert.True(removed.Distinct().Count() == removed.Count, why);
                Assert.True(_marked.IsSupersetOf(removed), why);
                Assert.True(Run.Database.Given(mailbox).Order().SequenceEqual(Run.Database.Given(mailbox)), why);
                var rows = Run.Database.Rows(mailbox).Select(row => (mailbox, row.Number)).ToHashSet();
                Assert.True(!Removed.Overlaps(rows), why);
            }
        }
    }
}
