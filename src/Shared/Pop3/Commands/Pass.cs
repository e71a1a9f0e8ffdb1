using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// PASS. RFC 1939 §7. pass = "PASS" SP string. One separator, then all the rest is the password, spaces at its ends
/// included (STANXPOP3-V0011).
/// </summary>
internal static class Pass
{
    public static readonly Pop3CommandSpec Spec = new(
        "PASS", Pop3States.Authorization, Pop3CommandTraits.SendsPassword, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        var user = session.Login.User;
        session.Login.User = null;
        if (user is null)
        {
            session.Refuse(Pop3Replies.UserFirst, effects);
            return;
        }

        var text = arguments.Verbatim;
        if (text.IsEmpty || !SaslText.TryDecode(text[1..], out var password))
        {
            session.Refuse(Pop3Replies.Syntax, effects);
            return;
        }

        Pop3Login.AskPassword(session, user, password, effects);
    }
}
