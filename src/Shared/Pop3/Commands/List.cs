namespace MailCluster.Shared.Pop3.Commands;

/// <summary>LIST. RFC 1939 §5. list = "LIST" [SP msg]. Sizes as STAT adds them up (STANXPOP3-NV-2.1.5).</summary>
internal static class List
{
    public static readonly Pop3CommandSpec Spec = new(
        "LIST", Pop3States.Transaction, Pop3CommandTraits.None, Execute);

    private static readonly Pop3Effect.SendListing All = new(Pop3ListingKind.Scan);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (arguments.IsEmpty)
        {
            effects.Add(Pop3Replies.ListingFollows);
            effects.Add(All);
        }
        else if (session.TryFindOnly(arguments, effects, out var index))
        {
            session.ReplyNumbers(index + 1, session.Maildrop.OctetsOf(index), effects);
        }
    }
}
