using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>STLS. RFC 2595 §4. No arguments; AUTHORIZATION only; the client starts anew after the handshake.</summary>
internal static class Stls
{
    public static readonly Pop3CommandSpec Spec = new(
        "STLS", Pop3States.Authorization, Pop3CommandTraits.NoArguments, Execute,
        (options, channel) => options.OffersStls && channel == SaslChannel.Clear ? "STLS" : null);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (session.IsTlsActive)
        {
            session.Refuse(Pop3Replies.TlsAlreadyActive, effects);
            return;
        }

        if (!session.Options.OffersStls)
        {
            session.Refuse(Pop3Replies.TlsNotOffered, effects);
            return;
        }

        effects.Add(Pop3Replies.BeginTls);
        session.Ask(Pop3Effect.StartTls.Instance, effects);
    }
}
