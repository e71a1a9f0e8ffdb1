namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// APOP. RFC 1939 §7, optional and not supported (STANXPOP3-V0012): it needs the password itself on the server. It has
/// a row so that the refusal says why.
/// </summary>
internal static class Apop
{
    public static readonly Pop3CommandSpec Spec = new(
        "APOP", Pop3States.Authorization, Pop3CommandTraits.None, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects) =>
        session.Refuse(Pop3Replies.NoApop, effects);
}
