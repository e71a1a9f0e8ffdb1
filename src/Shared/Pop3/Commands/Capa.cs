namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// CAPA. RFC 2449 §5. No arguments; both states. Unknown where commands of 255 octets are not taken (§4,
/// STANXPOP3-E0007).
/// </summary>
internal static class Capa
{
    public static readonly Pop3CommandSpec Spec = new(
        "CAPA", Pop3States.Authorization | Pop3States.Transaction, Pop3CommandTraits.NoArguments, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (session.Options.MaxCommandSize < Pop3SessionOptions.MaxCommandSizeForCapa)
        {
            session.Refuse(Pop3Replies.UnknownCommand, effects);
            return;
        }

        effects.Add(session.Options.Announcements.Capabilities(
            session.Channel, session.IsAuthenticated, session.ShortestRetention));
    }
}
