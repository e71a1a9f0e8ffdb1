using MailCluster.Shared.Accounts;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// What a mechanism wants next. A <see cref="Question"/> is answered by the shell, through
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

    /// <summary>For the shell, which has the directory and the security contexts.</summary>
    public abstract record Question : SaslStep;

    /// <summary>
    /// PLAIN, LOGIN: is this the user's password? An empty authorization identity means the user's own.
    /// </summary>
    public sealed record CheckPassword(string AuthorizationIdentity, string User, string Password) : Question;

    /// <summary>
    /// SCRAM: the user's keys. For a user who does not exist the shell answers with decoy keys, marked so (RFC 5802
    /// §9).
    /// </summary>
    public sealed record FindKeys(string User) : Question;

    /// <summary>
    /// NTLM, GSSAPI: a token for the security context of this exchange. Answer:
    /// <see cref="SaslAnswer.ContextContinues"/>, <see cref="SaslAnswer.ContextEstablished"/> or
    /// <see cref="SaslAnswer.TokenRefused"/>.
    /// </summary>
    /// <param name="IsFirst">A context is to be made; one of an earlier exchange is over.</param>
    public sealed record AcceptToken(SaslPackage Package, ReadOnlyMemory<byte> Token, bool IsFirst) : Question;

    /// <summary>
    /// GSS_Wrap without confidentiality (RFC 2743 §2.3.3). Answer: <see cref="SaslAnswer.Octets"/> or
    /// <see cref="SaslAnswer.TokenRefused"/>.
    /// </summary>
    public sealed record Wrap(ReadOnlyMemory<byte> Octets) : Question;

    /// <summary>GSS_Unwrap (RFC 2743 §2.3.4). Answers as to <see cref="Wrap"/>.</summary>
    public sealed record Unwrap(ReadOnlyMemory<byte> Token) : Question;

    /// <summary>
    /// NTLM, GSSAPI: whose context this is has been shown; is it a user of ours? Answer:
    /// <see cref="SaslAnswer.Account"/>.
    /// </summary>
    public sealed record FindAccount(string Address) : Question;

    /// <summary>
    /// The client is who it says. What a mechanism still has to tell (SCRAM's server signature) it has told before:
    /// neither protocol has success data, so it was one more challenge (RFC 4954 §4, RFC 5034 §4).
    /// </summary>
    public sealed record Succeeded(SaslIdentity Identity) : SaslStep;

    public sealed record Failed(SaslFailure Why) : SaslStep;
}

/// <summary>What a security context speaks.</summary>
public enum SaslPackage
{
    /// <summary>[MS-NLMP].</summary>
    Ntlm,

    /// <summary>RFC 4121.</summary>
    Kerberos,
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

    /// <param name="Token">For the client; its answer goes to the same context.</param>
    public sealed record ContextContinues(ReadOnlyMemory<byte> Token) : SaslAnswer;

    /// <param name="Token">For the client; empty: there is nothing left to tell it.</param>
    /// <param name="Name">"DOMAIN\user" of NTLM, "user@REALM" of Kerberos.</param>
    public sealed record ContextEstablished(ReadOnlyMemory<byte> Token, string Name) : SaslAnswer;

    /// <summary>A wrong password, a ticket for someone else, a broken or replayed token.</summary>
    public sealed record TokenRefused : SaslAnswer;

    /// <summary>What Wrap or Unwrap gave.</summary>
    public sealed record Octets(ReadOnlyMemory<byte> Value) : SaslAnswer;

    /// <param name="Identity">Null: no such user, or one who may not log in.</param>
    public sealed record Account(SaslIdentity? Identity) : SaslAnswer;

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
