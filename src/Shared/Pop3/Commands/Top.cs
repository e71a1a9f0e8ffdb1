namespace MailCluster.Shared.Pop3.Commands;

/// <summary>TOP. RFC 1939 §7. top = "TOP" SP msg SP n, with n at least 0 (STANXPOP3-V0007).</summary>
internal static class Top
{
    public static readonly Pop3CommandSpec Spec = new(
        "TOP", Pop3States.Transaction, Pop3CommandTraits.None, Execute, (_, _) => "TOP");

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        var rest = arguments;
        if (!rest.TryTakeWord(out _) || !rest.TryTakeNumber(out var lines) || !rest.IsEmpty)
        {
            session.Refuse(Pop3Replies.Syntax, effects);
        }
        else if (session.TryFind(ref arguments, effects, out var index))
        {
            session.SendMessage(index, lines, effects);
        }
    }
}
