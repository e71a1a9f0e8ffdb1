namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// QUIT. RFC 1939 §4, §6. After login it removes what is marked, in one commit; -ERR when that failed
/// (STANXPOP3-V0006). A message that was not marked is never removed (I5).
/// </summary>
internal static class Quit
{
    public static readonly Pop3CommandSpec Spec = new(
        "QUIT", Pop3States.Authorization | Pop3States.Transaction, Pop3CommandTraits.NoArguments, Execute);

    public static void Updated(Pop3Session session, bool removed, List<Pop3Effect> effects) =>
        session.End(ConnectionEndReason.Quit, removed ? Pop3Replies.Goodbye : Pop3Replies.NotRemoved, effects);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (session.State != Pop3States.Transaction || session.Maildrop.MarkedCount == 0)
        {
            session.End(ConnectionEndReason.Quit, Pop3Replies.Goodbye, effects);
            return;
        }

        session.Enter(Pop3States.Update);
        session.Ask(new Pop3Effect.Update(session.Mailbox, session.Maildrop.MarkedNumbers()), effects);
    }
}
