using System.Diagnostics;

namespace MailCluster.Shared.Smtp;

/// <summary>What follows the last octet of a message, by DATA or by BDAT LAST alike.</summary>
internal static class MessageVerdict
{
    /// <summary>Permanent faults of the message before our own temporary ones: a retry would not mend them.</summary>
    public static SmtpEffect.Reply? Fault(SmtpSessionOptions options, in BodySummary summary)
    {
        if (summary.Octets > options.MaxMessageSize)
        {
            return SmtpReplies.MessageTooBig;
        }

        if (summary.HeaderOctets > options.MaxHeaderSize)
        {
            return SmtpReplies.HeaderTooBig;
        }

        if (summary.ReceivedFields > options.MaxHopCount
            || (options.MaxLocalHopCount > 0 && summary.LocalReceivedFields > options.MaxLocalHopCount))
        {
            return SmtpReplies.TooManyHops;
        }

        return Fault(summary.Fault);
    }

    /// <summary>Null: the body is kept.</summary>
    public static SmtpEffect.Reply? Fault(BodyFault fault) => fault switch
    {
        BodyFault.None => null,
        BodyFault.OutOfResources => SmtpReplies.OutOfResources,
        _ => SmtpReplies.StoreUnavailable,
    };

    public static void Judge(SmtpContext context, in BodySummary summary)
    {
        if (Fault(context.Options, summary) is { } refusal)
        {
            context.ResetTransaction();
            context.Refuse(refusal);
            return;
        }

        context.AskAccept(Accepted);
    }

    private static void Accepted(SmtpContext context, SmtpAnswer answer)
    {
        var accepted = answer as SmtpAnswer.Accepted ?? throw new UnreachableException();
        if (accepted.Verdict == AcceptVerdict.Committed)
        {
            context.CompleteTransaction();
            context.Reply(new SmtpReply(250, "2.0.0", "OK queued as " + accepted.QueueId));
            context.EndIfDeferred();
            return;
        }

        context.AcceptFailed();
        context.Refuse(accepted.Verdict == AcceptVerdict.OutOfResources
            ? SmtpReplies.OutOfResources
            : SmtpReplies.StoreUnavailable);
        context.EndIfDeferred();
    }
}
