using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// The mechanisms that are built in (RFC 4422 §3.1: names compare without case in our protocols' commands).
/// </summary>
public static class SaslMechanisms
{
    public const string Ntlm = "NTLM";
    public const string Gssapi = "GSSAPI";
    public const string ScramSha256Plus = "SCRAM-SHA-256-PLUS";
    public const string ScramSha256 = "SCRAM-SHA-256";
    public const string Plain = "PLAIN";
    public const string Login = "LOGIN";

    public static readonly ImmutableArray<string> Names = [Ntlm, Gssapi, ScramSha256Plus, ScramSha256, Plain, Login];

    /// <summary>Those that need nothing of system or connection, strongest first.</summary>
    public static readonly ImmutableArray<string> OfOurOwn = [ScramSha256, Plain, Login];

    /// <summary>
    /// The password itself crosses the connection: only under TLS unless the administrator says otherwise (RFC 4616
    /// §6).
    /// </summary>
    public static bool SendsPassword(string name) =>
        string.Equals(name, Plain, StringComparison.OrdinalIgnoreCase)
        || string.Equals(name, Login, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it can be offered on such a connection.</summary>
    /// <param name="passwordNeedsTls">The administrator's word on mechanisms that send the password.</param>
    public static bool Fits(string name, SaslChannel channel, bool passwordNeedsTls) => channel switch
    {
        SaslChannel.BoundTls => true,
        SaslChannel.Tls => !NeedsBinding(name),
        _ => !NeedsBinding(name) && !(passwordNeedsTls && SendsPassword(name)),
    };

    public static bool TryCreate(string name, SaslContext context, [NotNullWhen(true)] out ISaslExchange? exchange)
    {
        exchange = name switch
        {
            _ when string.Equals(name, Ntlm, StringComparison.OrdinalIgnoreCase) => new NtlmExchange(context),
            _ when string.Equals(name, Gssapi, StringComparison.OrdinalIgnoreCase) => new GssapiExchange(context),
            _ when NeedsBinding(name) => new ScramSha256Exchange(context, isPlus: true),
            _ when string.Equals(name, ScramSha256, StringComparison.OrdinalIgnoreCase) =>
                new ScramSha256Exchange(context, isPlus: false),
            _ when string.Equals(name, Plain, StringComparison.OrdinalIgnoreCase) => new PlainExchange(),
            _ when string.Equals(name, Login, StringComparison.OrdinalIgnoreCase) => new LoginExchange(),
            _ => null,
        };
        return exchange is not null;
    }

    private static bool NeedsBinding(string name) =>
        string.Equals(name, ScramSha256Plus, StringComparison.OrdinalIgnoreCase);
}
