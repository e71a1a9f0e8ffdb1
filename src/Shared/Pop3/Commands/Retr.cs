namespace MailCluster.Shared.Pop3.Commands;

/// <summary>RETR. RFC 1939 §5. retr = "RETR" SP msg.</summary>
internal static class Retr
{
    public static readonly Pop3CommandSpec Spec = new(
        "RETR", Pop3States.Transaction, Pop3CommandTraits.None, Execute);

    /// <summary>
    /// RETR and TOP: a message that another session removed cannot be had any more (STANXPOP3-C0004).
    /// </summary>
    public static void Sent(SendVerdict verdict, List<Pop3Effect> effects)
    {
        switch (verdict)
        {
            case SendVerdict.Gone:
                effects.Add(Pop3Replies.MessageGone);
                break;
            case SendVerdict.Unavailable:
                effects.Add(Pop3Replies.MessageUnavailable);
                break;
        }
    }

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (session.TryFindOnly(arguments, effects, out var index))
        {
            session.SendMessage(index, null, effects);
        }
    }
}
