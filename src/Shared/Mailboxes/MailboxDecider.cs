using System.Collections.Immutable;
using System.Diagnostics;

namespace MailCluster.Shared.Mailboxes;

/// <summary>The rules of a mailbox. Reads the state, changes nothing.</summary>
public static class MailboxDecider
{
    public static MailboxDecision Decide(MailboxState state, MailboxCommand command, DateTimeOffset now) =>
        command switch
        {
            MailboxCommand.Deliver deliver => Deliver(state, deliver, now),
            MailboxCommand.Remove remove => Remove(state, remove),
            _ => throw new UnreachableException(),
        };

    private static MailboxDecision Deliver(MailboxState state, MailboxCommand.Deliver command, DateTimeOffset now)
    {
        // The last value is never given, so that UIDNEXT always fits into 32 bits.
        if (state.UidNext.Value == uint.MaxValue)
        {
            return new MailboxDecision(null, MailboxRefusal.UidsExhausted);
        }

        var origin = command.Origin;
        if (origin?.UniqueId is { } uniqueId && ForeignUniqueId.AsNumber(uniqueId) is { } alike
            && (alike.Value <= state.LastNumber.Value || state.IsTaken(alike)))
        {
            return new MailboxDecision(null, MailboxRefusal.UniqueIdTaken);
        }

        var added = new MailboxEvent.MessageAdded(
            FolderId.Inbox,
            NextNumber(state, now),
            state.UidNext,
            new ModSeq(state.ModSeq.Value + 1),
            command.Body,
            command.Octets,
            command.WireOctets,
            origin?.InternalDate ?? now,
            command.Traits,
            origin?.Flags ?? MessageAttributes.None,
            origin?.UniqueId);
        return new MailboxDecision(added, MailboxRefusal.None);
    }

    /// <summary>Over those that foreign unique-ids look like: no two messages ever show the same.</summary>
    private static MessageNumber NextNumber(MailboxState state, DateTimeOffset now)
    {
        var number = MessageNumber.After(state.LastNumber, now);
        while (state.IsTaken(number))
        {
            number = new MessageNumber(number.Value + 1);
        }

        return number;
    }

    private static MailboxDecision Remove(MailboxState state, MailboxCommand.Remove command)
    {
        var numbers = InOrder(command.Numbers);
        var left = ImmutableArray.CreateBuilder<MessageNumber>(numbers.Length);
        foreach (var number in numbers)
        {
            if (state.Contains(number) && !state.IsLeaving(number))
            {
                left.Add(number);
            }
        }

        if (left.Count == 0)
        {
            return MailboxDecision.NothingToDo;
        }

        var removed = new MailboxEvent.MessagesRemoved(
            FolderId.Inbox,
            left.Count == numbers.Length ? numbers : left.ToImmutable(),
            new ModSeq(state.ModSeq.Value + 1));
        return new MailboxDecision(removed, MailboxRefusal.None);
    }

    /// <summary>
    /// Strictly ascending: the store counts what it removed, so a number named twice would refuse the commit.
    /// </summary>
    private static ImmutableArray<MessageNumber> InOrder(ImmutableArray<MessageNumber> numbers)
    {
        for (var i = 1; i < numbers.Length; i++)
        {
            if (numbers[i].Value <= numbers[i - 1].Value)
            {
                return [.. numbers.Distinct().Order()];
            }
        }

        return numbers;
    }
}
