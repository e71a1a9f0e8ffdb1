using System.Globalization;
using System.Text;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// UIDL. RFC 1939 §7. uidl = "UIDL" [SP msg]. A unique-id is the message number in decimal (STANXPOP3-C0007, C0008),
/// or what the message had on another server, to the letter (C0009).
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
            var foreign = session.Maildrop.ForeignUniqueIdOf(index);
            if (foreign.IsEmpty)
            {
                session.ReplyNumbers(index + 1, session.Maildrop.Snapshot.Messages[index].Number.Value, effects);
            }
            else
            {
                var number = (index + 1).ToString(CultureInfo.InvariantCulture);
                effects.Add(new Pop3Effect.Reply(
                    new Pop3Reply(true, $"{number} {Encoding.ASCII.GetString(foreign)}")));
            }
        }
    }
}
