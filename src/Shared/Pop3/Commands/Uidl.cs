namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// UIDL. RFC 1939 §7. uidl = "UIDL" [SP msg]. A unique-id is the message number in decimal (STANXPOP3-C0007, C0008).
/// </summary>
internal static class Uidl
{
    public static readonly Pop3CommandSpec Spec = new(
        "UIDL", Pop3States.Transaction, Pop3CommandTraits.None, Execute, (_, _) => "UIDL");

    private static readonly Pop3Effect.SendListing All = new(Pop3ListingKind.UniqueId);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (arguments.IsEmpty)
        {
            effects.Add(Pop3Replies.ListingFollows);
            effects.Add(All);
        }
        else if (session.TryFindOnly(arguments, effects, out var index))
        {
            session.ReplyNumbers(index + 1, session.Maildrop.Snapshot.Messages[index].Number.Value, effects);
        }
    }
}
