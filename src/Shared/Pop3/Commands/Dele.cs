namespace MailCluster.Shared.Pop3.Commands;

/// <summary>DELE. RFC 1939 §5. dele = "DELE" SP msg. Marks only; QUIT removes.</summary>
internal static class Dele
{
    public static readonly Pop3CommandSpec Spec = new(
        "DELE", Pop3States.Transaction, Pop3CommandTraits.None, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (session.TryFindOnly(arguments, effects, out var index))
        {
            session.Maildrop.Mark(index);
            effects.Add(Pop3Replies.Marked);
        }
    }
}
