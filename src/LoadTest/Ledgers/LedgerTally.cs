using System.Globalization;
using MailCluster.LoadTest.Clients;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>A copy of a message that should be in a mailbox.</summary>
internal readonly record struct Copy(int User, long Number);

/// <summary>What was found beside what was noted.</summary>
internal sealed class LedgerTally(LedgerBook book, Population users)
{
    private readonly Dictionary<long, int>?[] _found = new Dictionary<long, int>?[book.Users.Length];
    private readonly HashSet<Copy> _changed = [];
    private readonly HashSet<Copy> _inSpool = [];
    private readonly List<Finding> _findings = [];
    private readonly SortedDictionary<FindingKind, long> _counts = [];

    public void Found(int user, long number, bool isWhole)
    {
        var messages = _found[user] ??= [];
        messages[number] = messages.GetValueOrDefault(number) + 1;
        if (!isWhole)
        {
            _changed.Add(new Copy(user, number));
        }
    }

    /// <summary>A mailbox is read anew.</summary>
    public void Forget(int user)
    {
        _found[user] = null;
        _changed.RemoveWhere(copy => copy.User == user);
    }

    /// <summary>Acknowledged, not removed by anybody, and not found.</summary>
    public List<Copy> Missing()
    {
        var missing = new List<Copy>();
        for (var user = 0; user < book.Users.Length; user++)
        {
            missing.AddRange((book.Users[user] ?? [])
                .Where(entry => (entry.Value & (Entry.Acknowledged | Entry.Removing)) == Entry.Acknowledged)
                .Where(entry => _found[user]?.ContainsKey(entry.Key) != true)
                .Select(entry => new Copy(user, entry.Key)));
        }

        return missing;
    }

    /// <summary>The queue lists what was accepted and is not in its mailbox yet.</summary>
    public async Task LookIntoSpoolAsync(
        AdminApi api, List<Copy> missing, Dictionary<long, string> queueIds, CancellationToken cancellationToken)
    {
        foreach (var copies in missing.GroupBy(copy => copy.User))
        {
            var waiting = await api.QueuedAsync(users.AddressText(copies.Key), cancellationToken);
            foreach (var copy in copies)
            {
                if (queueIds.TryGetValue(copy.Number, out var id) && waiting.Contains(id))
                {
                    _inSpool.Add(copy);
                }
            }
        }
    }

    public LedgerVerdict Judge(string path, List<Copy> missing)
    {
        long copies = 0, found = 0, removed = 0, undecided = 0, unacknowledged = 0;
        for (var user = 0; user < book.Users.Length; user++)
        {
            var noted = book.Users[user] ?? [];
            var there = _found[user] ?? [];
            foreach (var (number, entry) in noted)
            {
                var count = there.GetValueOrDefault(number);
                copies += (entry & Entry.Acknowledged) != 0 ? 1 : 0;
                if ((entry & Entry.Removed) != 0)
                {
                    removed += count == 0 ? 1 : 0;
                    JudgeRemoved(user, number, count);
                }
                else if ((entry & Entry.Removing) != 0)
                {
                    undecided++;
                }
                else if ((entry & Entry.Acknowledged) != 0)
                {
                    found += count == 1 ? 1 : 0;
                }
            }

            foreach (var (number, count) in there)
            {
                if (count > 1)
                {
                    Add(FindingKind.Duplicate, user, number, $"is there {count} times");
                }

                if ((noted.GetValueOrDefault(number) & Entry.Acknowledged) != 0)
                {
                    continue;
                }

                unacknowledged++;
                if (book.IsAcknowledged(number))
                {
                    Add(FindingKind.Stray, user, number, "was acknowledged, but for others");
                }
            }
        }

        foreach (var copy in _changed)
        {
            Add(FindingKind.Changed, copy.User, copy.Number, "has another body than was sent");
        }

        JudgeMissing(missing);
        return new LedgerVerdict
        {
            Path = path,
            Acknowledged = book.Acknowledged,
            Copies = copies,
            Removed = removed,
            Found = found,
            InSpool = _inSpool.Count,
            Undecided = undecided,
            Unacknowledged = unacknowledged,
            RunFinished = book.IsFinished,
            FindingCount = _counts.Values.Sum(),
            Counts = _counts,
            Findings = _findings,
        };
    }

    private void JudgeRemoved(int user, long number, int count)
    {
        if (count > 0)
        {
            Add(FindingKind.Resurrected, user, number,
                "was removed by a QUIT that was answered with +OK, and is there");
        }
    }

    private void JudgeMissing(List<Copy> missing)
    {
        foreach (var copy in missing.Where(copy => !_inSpool.Contains(copy)))
        {
            if ((book.Users[copy.User]![copy.Number] & Entry.Seen) != 0)
            {
                Add(FindingKind.RemovedUnmarked, copy.User, copy.Number,
                    "was retrieved, was not removed by anybody, and is gone");
            }
            else
            {
                Add(FindingKind.Lost, copy.User, copy.Number, "was acknowledged and is not there");
            }
        }
    }

    private void Add(FindingKind kind, int user, long number, string text)
    {
        _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        if (_findings.Count < LedgerVerdict.FindingsMax)
        {
            var name = users.AddressText(user);
            _findings.Add(new Finding(
                kind, name, number, string.Create(CultureInfo.InvariantCulture, $"{name}: message {number} {text}.")));
        }
    }
}
