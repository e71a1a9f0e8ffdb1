namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// STAT. RFC 1939 §5. "+OK n m": messages that are not marked and their octets, nothing after (STANXPOP3-V0004).
/// </summary>
internal static class Stat
{
    public static readonly Pop3CommandSpec Spec = new(
        "STAT", Pop3States.Transaction, Pop3CommandTraits.NoArguments, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects) =>
        session.ReplyNumbers(session.Maildrop.RemainingCount, session.Maildrop.RemainingOctets, effects);
}
