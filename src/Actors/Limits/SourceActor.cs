using MailCluster.Actors.Kernel;

namespace MailCluster.Actors.Limits;

/// <summary>
/// The home of one source, user, name or binding: the one place where its permits, messages and failed logins are
/// counted (I6). A new instance takes over the permits that are held; windows begin anew, as a failed turn may have
/// left them wrong.
/// </summary>
internal sealed class SourceActor(HomeKey key, SourceSurroundings around) : Actor<SourceMessage>
{
    /// <summary>As many as there are bindings that the source uses: mostly one.</summary>
    private BindingCounts[] _bindings = [];

    private bool _isWaiting;

    protected internal override bool MayPassivate
    {
        get
        {
            if (key.HoldsPermits && (around.Held.CountOf(key) > 0 || around.Known?.CountOf(key) > 0))
            {
                return false;
            }

            var second = Second;
            foreach (var counts in _bindings)
            {
                if (counts.HasMessagesAt(second))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private uint Second => (uint)(Context.Time.GetTimestamp() / Context.Time.TimestampFrequency);

    protected internal override void Started()
    {
        if (around.Known is null && key.HoldsPermits && around.Held.CountOf(key) is > 0 and var held)
        {
            LimitsLog.TookOver(around.Log, key, held);
        }
    }

    protected internal override void Receive(SourceMessage message)
    {
        switch (message)
        {
            case SourceMessage.Admit admit:
                Admit(admit);
                break;
            case SourceMessage.GiveBack back:
                GiveBack(back);
                break;
            case SourceMessage.Take take:
                var isTaken = CountsOf(take.Binding).TryTake(Second, take.PerMinute);
                take.Reply.Reply(isTaken ? RateVerdict.Taken : RateVerdict.Exceeded);
                break;
            case SourceMessage.Settled:
                _isWaiting = false;
                Context.UnstashAll();
                break;
            case SourceMessage.OweTarpit:
                around.Debts.Owe(key);
                break;
            case SourceMessage.JudgeLogon judge:
                judge.Reply.Reply(around.Failures.Judge(key, judge.From));
                break;
            case SourceMessage.LogonFailed failed:
                around.Failures.Fail(key, failed.From);
                break;
            case SourceMessage.LogonSucceeded succeeded:
                around.Failures.Succeed(key, succeeded.From);
                break;
            default:
                throw new InvalidOperationException($"A home does not know {message.GetType()}.");
        }
    }

    private void Admit(SourceMessage.Admit admit)
    {
        var standing = around.Known?.StandingOf(key) ?? ShardStanding.Complete;
        switch (standing)
        {
            case ShardStanding.NotHere:
                admit.Reply.Fail(AskFailure.NotHere);
                return;
            case ShardStanding.Gathering:
                _isWaiting = true;
                Context.Stash(admit);
                return;
        }

        var verdict = admit.Permit.Holder == default
            ? Hold(admit, standing)
            : around.Known!.Grant(
                key, admit.Binding, admit.Permit, admit.Limit, around.Held.CountOf(key, admit.Binding),
                standing == ShardStanding.Partial);
        if (verdict == Admission.Admitted && around.Known?.IsHere(key) == false)
        {
            // Perhaps the new home has asked for what there is before this was held: it knows nothing of it.
            Forget(admit.Permit, keepsUnasked: true);
            admit.Reply.Fail(AskFailure.NotHere);
            return;
        }

        admit.Reply.Reply(
            verdict == Admission.Admitted && around.Debts.Pay(key) ? Admission.AdmittedOwing : verdict);
    }

    private Admission Hold(SourceMessage.Admit admit, ShardStanding standing)
    {
        var others = around.Known?.CountOf(key, admit.Binding) ?? 0;
        if (!around.Held.TryHold(key, admit.Binding, admit.Permit.Connection, admit.Limit, others, out var isNew))
        {
            return Admission.TooMany;
        }

        if (isNew && standing == ShardStanding.Partial)
        {
            around.Held.Remove(key, admit.Permit.Connection);
            return Admission.Unreachable;
        }

        return Admission.Admitted;
    }

    private void GiveBack(SourceMessage.GiveBack back)
    {
        Forget(back.Permit, back.IsOfAsk);
        if (_isWaiting)
        {
            // What is put aside may ask for just this permit; then it is given back again.
            Context.Stash(back);
        }
    }

    private void Forget(Permit permit, bool keepsUnasked)
    {
        var isFreed = permit.Holder == default
            ? around.Held.Remove(key, permit.Connection, keepsUnasked)
            : around.Known?.Remove(key, permit) == true;
        if (isFreed)
        {
            around.Freed(key);
        }
    }

    private BindingCounts CountsOf(string binding)
    {
        foreach (var known in _bindings)
        {
            if (known.Binding == binding)
            {
                return known;
            }
        }

        var counts = new BindingCounts(binding);
        _bindings = [.. _bindings, counts];
        return counts;
    }
}
