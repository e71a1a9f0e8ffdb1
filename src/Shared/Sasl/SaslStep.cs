using MailCluster.Shared.Accounts;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// What a mechanism wants next. The two asks (<see cref="CheckPassword"/>, <see cref="FindKeys"/>) are answered by
/// <see cref="ISaslExchange.Answer"/>; a <see cref="Challenge"/> by the client, through
/// <see cref="ISaslExchange.Respond"/>.
/// </summary>
public abstract record SaslStep
{
    private SaslStep()
    {
    }

    /// <summary>Octets for the client, not yet in base64. Empty: the client is to begin.</summary>
    public sealed record Challenge(ReadOnlyMemory<byte> Octets) : SaslStep;

    /// <summary>
    /// PLAIN, LOGIN: is this the user's password? An empty authorization identity means the user's own.
    /// </summary>
    public sealed record CheckPassword(string AuthorizationIdentity, string User, string Password) : SaslStep;

    /// <summary>
    /// SCRAM: the user's keys. For a user who does not exist the shell answers with decoy keys, marked so (RFC 5802
    /// §9).
    /// </summary>
    public sealed record FindKeys(string User) : SaslStep;

    /// <summary>
    /// The client is who it says. What a mechanism still has to tell (SCRAM's server signature) it has told before:
    /// neither protocol has success data, so it was one more challenge (RFC 4954 §4, RFC 5034 §4).
    /// </summary>
    public sealed record Succeeded(SaslIdentity Identity) : SaslStep;

    public sealed record Failed(SaslFailure Why) : SaslStep;
}

/// <summary>Who logged in.</summary>
public sealed record SaslIdentity(AccountId Account, TenantId Tenant, string Address);

public enum SaslFailure
{
    /// <summary>535 5.7.8: unknown user, wrong password, suspended user: told apart in the log only.</summary>
    BadCredentials,

    /// <summary>501 5.5.2: the response does not follow the mechanism's grammar.</summary>
    Malformed,

    /// <summary>454 4.7.0: the store cannot be asked.</summary>
    Temporary,
}

public abstract record SaslAnswer
{
    private SaslAnswer()
    {
    }

    public sealed record PasswordAccepted(SaslIdentity Identity) : SaslAnswer;

    public sealed record PasswordRefused : SaslAnswer;

    /// <param name="Identity">Null for decoy keys: the exchange runs to its end and fails there.</param>
    public sealed record Keys(ScramKeys Value, SaslIdentity? Identity) : SaslAnswer;

    public sealed record Unavailable : SaslAnswer;
}

/// <summary>One authentication in progress: pure, fed by the session.</summary>
public interface ISaslExchange
{
    /// <param name="initialResponse">
    /// Decoded from base64; null when the client sent none (RFC 4954 §4), empty when it sent "=".
    /// </param>
    SaslStep Begin(ReadOnlyMemory<byte>? initialResponse);

    /// <param name="response">Decoded from base64.</param>
    SaslStep Respond(ReadOnlyMemory<byte> response);

    SaslStep Answer(SaslAnswer answer);
}
