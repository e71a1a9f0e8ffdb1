using System.Text;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// AUTH. RFC 5034 §4. auth = "AUTH" SP mechanism [SP initial-response]; initial-response = base64 / "=". The older form
/// (RFC 1734) is the one without initial response.
/// </summary>
internal static class Auth
{
    public static readonly Pop3CommandSpec Spec = new(
        "AUTH", Pop3States.Authorization, Pop3CommandTraits.None, Execute, Capability);

    /// <summary>sasl-mech (RFC 4422 §3.1): 1*20 of letters, digits, "-" and "_".</summary>
    private const int MechanismLengthMax = 20;

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        if (!arguments.TryTakeWord(out var name))
        {
            session.Refuse(Pop3Replies.Syntax, effects);
            return;
        }

        ReadOnlyMemory<byte>? initialResponse = null;
        if (arguments.TryTakeWord(out var text))
        {
            if (!arguments.IsEmpty || !SaslBase64.TryDecodeInitialResponse(text, out var octets))
            {
                session.Refuse(Pop3Replies.MalformedResponse, effects);
                return;
            }

            initialResponse = octets;
        }

        if (name.Length > MechanismLengthMax || FindMechanism(session, name) is not { } mechanism)
        {
            session.Refuse(Pop3Replies.UnknownMechanism, effects);
            return;
        }

        if (!session.Options.AllowsMechanism(mechanism, session.Channel))
        {
            effects.Add(Pop3Replies.MechanismRefused);
            return;
        }

        var exchange = session.Options.CreateSaslExchange(mechanism, session.Binding)
            ?? throw new InvalidOperationException($"{mechanism} is offered and cannot be made.");
        session.Login.Begin(session, exchange, initialResponse, effects);
    }

    private static string? FindMechanism(Pop3Session session, ReadOnlySpan<byte> name)
    {
        foreach (var mechanism in session.Options.Mechanisms)
        {
            if (Ascii.EqualsIgnoreCase(name, mechanism))
            {
                return mechanism;
            }
        }

        return null;
    }

    private static string? Capability(Pop3SessionOptions options, SaslChannel channel)
    {
        var names = string.Join(' ', options.Mechanisms.Where(name => options.AllowsMechanism(name, channel)));
        return names.Length == 0 ? null : "SASL " + names;
    }
}
