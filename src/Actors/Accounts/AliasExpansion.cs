using MailCluster.Actors.Storage;
using MailCluster.Shared;

namespace MailCluster.Actors.Accounts;

/// <summary>One expansion in progress: what is to be looked up still, and the mailboxes found.</summary>
internal sealed class AliasExpansion(int depthMax, int targetsMax)
{
    private readonly Queue<Target> _targets = new();
    private readonly HashSet<AddressName> _followed = [];
    private readonly HashSet<MailboxId> _seen = [];
    private readonly List<MailboxId> _mailboxes = [];
    private int _count;

    /// <summary>In the order in which they were found, each once.</summary>
    public IReadOnlyList<MailboxId> Mailboxes => _mailboxes;

    public bool MetSuspended { get; private set; }

    /// <summary>Too deep or too many: what was found is not all, so it must not be used.</summary>
    public bool LimitExceeded { get; private set; }

    public bool TryNext(out Target target)
    {
        target = default;
        return !LimitExceeded && _targets.TryDequeue(out target);
    }

    /// <param name="depth">Aliases between the recipient and this one.</param>
    public void Follow(AddressName name, AliasRecord alias, int depth)
    {
        if (!_followed.Add(name))
        {
            return;
        }

        if (depth >= depthMax)
        {
            LimitExceeded = true;
            return;
        }

        foreach (var address in alias.Targets)
        {
            if (++_count > targetsMax)
            {
                LimitExceeded = true;
                return;
            }

            if (AddressName.TryParse(address, out var target))
            {
                _targets.Enqueue(new Target(target, depth + 1, target == name));
            }
        }
    }

    /// <summary>False when there is nobody to deliver to.</summary>
    public bool Add(AccountRecord? account)
    {
        if (account is null || account.Suspended)
        {
            MetSuspended |= account is not null;
            return false;
        }

        if (_seen.Add(account.Id.Mailbox))
        {
            _mailboxes.Add(account.Id.Mailbox);
        }

        return true;
    }

    /// <param name="IsItself">The alias names itself: the user of that name is meant.</param>
    public readonly record struct Target(AddressName Name, int Depth, bool IsItself);
}
