using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// USER. RFC 1939 §7. user = "USER" SP name. Always +OK where plain text is allowed: whether the mailbox exists is not
/// even asked before PASS (STANXPOP3-V0008, V0009). Always -ERR where it is not (V0010), so that neither answer tells
/// anything.
/// </summary>
internal static class User
{
    public static readonly Pop3CommandSpec Spec = new(
        "USER", Pop3States.Authorization, Pop3CommandTraits.SendsPassword, Execute,
        (options, channel) => options.AllowsPassword(channel != SaslChannel.Clear) ? "USER" : null);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        session.Login.User = null;
        if (!arguments.TryTakeWord(out var name) || !arguments.IsEmpty || !SaslText.TryDecode(name, out var user))
        {
            session.Refuse(Pop3Replies.Syntax, effects);
            return;
        }

        session.Login.User = user;
        effects.Add(Pop3Replies.UserAccepted);
    }
}
