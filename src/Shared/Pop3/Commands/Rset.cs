namespace MailCluster.Shared.Pop3.Commands;

/// <summary>RSET. RFC 1939 §5. Takes all marks back.</summary>
internal static class Rset
{
    public static readonly Pop3CommandSpec Spec = new(
        "RSET", Pop3States.Transaction, Pop3CommandTraits.NoArguments, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        session.Maildrop.UnmarkAll();
        effects.Add(Pop3Replies.Unmarked);
    }
}
