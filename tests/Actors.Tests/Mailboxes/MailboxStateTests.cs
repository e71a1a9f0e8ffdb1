using System.Runtime.CompilerServices;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Actors.Tests.Mailboxes;

public sealed class MailboxStateTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly MailboxCommand.Deliver Command = new(new BodyId(1), 100, 103);

    [Fact]
    public void Numbers_are_microseconds_since_2020_but_never_go_back()
    {
        var state = With(0);
        var first = Deliver(state, Now);
        Assert.Equal((Now - new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero)).Ticks / 10, first.Number.Value);
        var second = Deliver(state, Now - TimeSpan.FromDays(100));
        Assert.Equal(first.Number.Value + 1, second.Number.Value);
        Assert.Equal((first.Uid.Value + 1, first.ModSeq.Value + 1), (second.Uid.Value, second.ModSeq.Value));
    }

    [Fact]
    public void The_last_uid_is_not_given()
    {
        var state = new MailboxState(new MailboxId(1), default, default, new Uid(uint.MaxValue - 1), []);
        Deliver(state, Now);
        var decision = MailboxDecider.Decide(state, Command, Now);
        Assert.Equal(MailboxRefusal.UidsExhausted, decision.Refusal);
        Assert.Null(decision.Event);
    }

    [Fact]
    public void A_removal_names_each_present_message_once_and_in_order()
    {
        var state = With(5);
        MessageNumber[] asked = [new(4), new(2), new(4), new(99), new(1)];
        var removed = Remove(state, asked)!;
        Assert.Equal([1, 2, 4], removed.Numbers.Select(number => number.Value));
        state.Apply(removed);
        Assert.Null(Remove(state, asked));
        Assert.Equal(5, state.Snapshot().Messages.Length);
        state.Publish(removed);
        Assert.Equal([3, 5], state.Snapshot().Messages.Select(message => message.Number.Value));
        Assert.Equal((2, 20L), (state.Count, state.Octets));
    }

    [Fact]
    public void What_was_abandoned_can_be_removed_again_and_its_ids_stay_a_gap()
    {
        var state = With(2);
        var removed = Remove(state, new MessageNumber(1))!;
        state.Apply(removed);
        state.Abandon(removed);
        Assert.Equal(2, state.Snapshot().Messages.Length);
        Assert.True(Remove(state, new MessageNumber(1))!.ModSeq.Value > removed.ModSeq.Value);
    }

    [Fact]
    [Trait("Requirement", "STANXPOP3-C0008")]
    public void No_number_is_given_that_a_foreign_unique_id_looks_like_nor_the_other_way_round()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var state = With(0);
            HashSet<string> shown = [];
            var refused = 0;
            for (var step = 0; step < 300; step++)
            {
                // The clock stands still, so that the next numbers are known and ids can be just these.
                var foreign = random.Next(2) == 0 ? $"{state.LastNumber.Value + random.Next(-3, 8)}" : null;
                var decision = MailboxDecider.Decide(
                    state, Command with { Origin = new MessageOrigin(Now, MessageAttributes.None, foreign) }, Now);
                if (decision.Event is MailboxEvent.MessageAdded added)
                {
                    state.Apply(added);
                    Assert.True(shown.Add(foreign ?? $"{added.Number.Value}"), $"seed {seed}, step {step}");
                }
                else
                {
                    Assert.Equal(MailboxRefusal.UniqueIdTaken, decision.Refusal);
                    refused++;
                }
            }

            Assert.InRange(refused, 10, 200);
        }
    }

    [Fact]
    public void The_state_agrees_with_a_plain_list_over_random_events()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var state = With(random.Next(4));
            var model = state.Snapshot().Messages.ToList();
            for (var step = 0; step < 300; step++)
            {
                if (random.Next(3) > 0)
                {
                    var added = Deliver(state, Now, publish: false);
                    if (random.Next(4) == 0)
                    {
                        state.Abandon(added);
                        continue;
                    }

                    state.Publish(added);
                    model.Add(new MessageEntry(added.Number, added.Body, added.Octets, added.WireOctets));
                }
                else if (Remove(state, [.. Some(model, random)]) is { } removed)
                {
                    state.Apply(removed);
                    state.Publish(removed);
                    model.RemoveAll(entry => removed.Numbers.Contains(entry.Number));
                }

                var octets = model.Sum(entry => entry.Octets);
                Assert.True(model.Count == state.Count && octets == state.Octets, $"seed {seed}");
                Assert.True(random.Next(4) > 0 || state.Snapshot().Messages.SequenceEqual(model), $"seed {seed}");
            }
        }
    }

    [Fact]
    public void A_large_mailbox_takes_32_octets_a_message_with_its_snapshot_and_adding_copies_nothing()
    {
        const int Messages = 100_000;
        Assert.Equal(32, Unsafe.SizeOf<MessageEntry>());
        var entries = With(Messages).Snapshot().Messages;

        var before = GC.GetAllocatedBytesForCurrentThread();
        var state = new MailboxState(new MailboxId(1), default, default, new Uid(1), entries);
        var snapshot = state.Snapshot();
        for (var i = 0; i < 1000; i++)
        {
            Deliver(state, Now);
        }

        Assert.True(snapshot.Messages == entries);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000 * 400);

        // A new generation is one array more: 32 octets a message for the state, 32 for those who still read the old
        // one.
        before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(Messages + 1000, state.Snapshot().Messages.Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, ((Messages + 1000) * 32) + 4096);
        Assert.Equal(Messages, snapshot.Messages.Length);
    }

    private static MailboxState With(int messages) => new(
        new MailboxId(1),
        new MessageNumber(messages),
        new ModSeq(messages),
        new Uid((uint)messages + 1),
        [.. Enumerable.Range(1, messages).Select(i => new MessageEntry(new MessageNumber(i), new BodyId(i), 10, 11))]);

    private static MailboxEvent.MessageAdded Deliver(MailboxState state, DateTimeOffset now, bool publish = true)
    {
        var added = (MailboxEvent.MessageAdded)MailboxDecider.Decide(state, Command, now).Event!;
        state.Apply(added);
        if (publish)
        {
            state.Publish(added);
        }

        return added;
    }

    private static MailboxEvent.MessagesRemoved? Remove(
        MailboxState state, params ReadOnlySpan<MessageNumber> numbers) =>
        (MailboxEvent.MessagesRemoved?)MailboxDecider.Decide(state, new MailboxCommand.Remove([.. numbers]), Now).Event;

    private static IEnumerable<MessageNumber> Some(List<MessageEntry> model, Random random) =>
        model.Where(_ => random.Next(3) == 0).Select(entry => entry.Number);
}
