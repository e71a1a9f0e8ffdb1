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

    protected internal override bool MayPassivate
    {
        get
        {
            var second = Second;
            foreach (var counts in _bindings)
            {
                if (counts.HasPermits || counts.HasMessagesAt(second))
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
        var held = key.HoldsPermits ? around.Held.Of(key) : [];
        foreach (var (connection, binding) in held)
        {
            CountsOf(binding).Grant(new Permit(around.Options.Incarnation, connection));
        }

        if (held.Length > 0)
        {
            LimitsLog.TookOver(around.Log, key, held.Length);
        }
    }

    protected internal override void Receive(SourceMessage message)
    {
        switch (message)
        {
            case SourceMessage.Admit admit:
                admit.Reply.Reply(Admit(admit));
                break;
            case SourceMessage.GiveBack back:
                GiveBack(back);
                break;
            case SourceMessage.Take take:
                var isTaken = CountsOf(take.Binding).TryTake(Second, take.PerMinute);
                take.Reply.Reply(isTaken ? RateVerdict.Taken : RateVerdict.Exceeded);
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

    private Admission Admit(SourceMessage.Admit admit)
    {
        var counts = CountsOf(admit.Binding);
        if (!counts.Holds(admit.Permit))
        {
            if (!counts.HasRoom(admit.Limit))
            {
                return Admission.TooMany;
            }

            // What the node holds comes first: whatever fails after it, no permit is counted too few.
            around.Held.Add(key, admit.Binding, admit.Permit.Connection);
            counts.Grant(admit.Permit);
        }

        return around.Debts.Pay(key) ? Admission.AdmittedOwing : Admission.Admitted;
    }

    private void GiveBack(SourceMessage.GiveBack back)
    {
        CountsOf(back.Binding).GiveBack(back.Permit);
        if (around.Held.Remove(key, back.Permit.Connection))
        {
            around.Refusals.Free(key);
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
