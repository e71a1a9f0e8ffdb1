using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// The mechanisms that are built in (RFC 4422 §3.1: names compare without case in our protocols' commands).
/// </summary>
public static class SaslMechanisms
{
    public const string ScramSha256 = "SCRAM-SHA-256";
    public const string Plain = "PLAIN";
    public const string Login = "LOGIN";

    /// <summary>Strongest first: the order in which they are advertised.</summary>
    public static readonly ImmutableArray<string> Names = [ScramSha256, Plain, Login];

    /// <summary>
    /// The password itself crosses the connection: only under TLS unless the administrator says otherwise (RFC 4616
    /// §6).
    /// </summary>
    public static bool SendsPassword(string name) =>
        string.Equals(name, Plain, StringComparison.OrdinalIgnoreCase)
        || string.Equals(name, Login, StringComparison.OrdinalIgnoreCase);

    public static bool TryCreate(string name, SaslContext context, [NotNullWhen(true)] out ISaslExchange? exchange)
    {
        exchange = name switch
        {
            _ when string.Equals(name, ScramSha256, StringComparison.OrdinalIgnoreCase) =>
                new ScramSha256Exchange(context),
            _ when string.Equals(name, Plain, StringComparison.OrdinalIgnoreCase) => new PlainExchange(),
            _ when string.Equals(name, Login, StringComparison.OrdinalIgnoreCase) => new LoginExchange(),
            _ => null,
        };
        return exchange is not null;
    }
}
