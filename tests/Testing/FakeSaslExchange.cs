using System.Text;
using MailCluster.Shared;
using MailCluster.Shared.Sasl;

namespace MailCluster.Testing;

/// <summary>
/// Mechanisms of every shape a session can meet: PLAIN (client first), LOGIN (server first), NTLM (client first, then
/// two
/// challenges, no password).
/// </summary>
public sealed class FakeSaslExchange(string mechanism) : ISaslExchange
{
    private int _responses;
    private string _user = string.Empty;

    public static ISaslExchange? Create(string mechanism, ChannelBinding? binding) =>
        mechanism is "PLAIN" or "LOGIN" or "NTLM" ? new FakeSaslExchange(mechanism) : null;

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse)
    {
        if (initialResponse is { } response)
        {
            return mechanism == "LOGIN" ? new SaslStep.Failed(SaslFailure.Malformed) : Respond(response);
        }

        return new SaslStep.Challenge(mechanism == "LOGIN" ? "Username:"u8.ToArray() : ReadOnlyMemory<byte>.Empty);
    }

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        _responses++;
        var text = Encoding.UTF8.GetString(response.Span);
        switch (mechanism)
        {
            case "PLAIN":
                var parts = text.Split('\0');
                return parts.Length == 3
                    ? new SaslStep.CheckPassword(parts[0], parts[1], parts[2])
                    : new SaslStep.Failed(SaslFailure.Malformed);
            case "LOGIN" when _responses == 1:
                _user = text;
                return new SaslStep.Challenge("Password:"u8.ToArray());
            case "LOGIN":
                return new SaslStep.CheckPassword(string.Empty, _user, text);
            case "NTLM" when _responses == 1:
                return new SaslStep.Challenge("type 2"u8.ToArray());
            default:
                return new SaslStep.Succeeded(new(new AccountId(7), new TenantId(1), "ntlm@example.test"));
        }
    }

    public SaslStep Answer(SaslAnswer answer) => answer switch
    {
        SaslAnswer.PasswordAccepted accepted => new SaslStep.Succeeded(accepted.Identity),
        SaslAnswer.PasswordRefused => new SaslStep.Failed(SaslFailure.BadCredentials),
        _ => new SaslStep.Failed(SaslFailure.Temporary),
    };
}
