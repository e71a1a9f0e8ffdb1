using System.Buffers;
using System.Net.Security;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>
/// The server's side of one NTLM or Kerberos context, by the system's GSS library. Every call may block (keytab, replay
/// cache, users file), so they belong on the lane of <see cref="SecurityContexts"/>.
/// </summary>
internal sealed class SecurityContext(SaslPackage package) : IDisposable
{
    private readonly NegotiateAuthentication _authentication = new(new NegotiateAuthenticationServerOptions
    {
        Package = package == SaslPackage.Ntlm ? "NTLM" : "Kerberos",
    });

    /// <summary>
    /// Only the status counts: IsAuthenticated of <see cref="NegotiateAuthentication"/> is true after a failure too.
    /// </summary>
    /// <param name="status">What the library said, for the log.</param>
    public SaslAnswer Accept(ReadOnlySpan<byte> token, out NegotiateAuthenticationStatusCode status)
    {
        if (package == SaslPackage.Ntlm && NtlmNegotiate.LacksVersion(token))
        {
            token = NtlmNegotiate.WithVersion(token);
        }

        var reply = _authentication.GetOutgoingBlob(token, out status);
        return status switch
        {
            NegotiateAuthenticationStatusCode.ContinueNeeded => new SaslAnswer.ContextContinues(reply),
            NegotiateAuthenticationStatusCode.Completed =>
                new SaslAnswer.ContextEstablished(reply, _authentication.RemoteIdentity.Name ?? string.Empty),
            // Ours are meant: the keytab or users file went away since the start.
            NegotiateAuthenticationStatusCode.UnknownCredentials => new SaslAnswer.Unavailable(),
            _ => new SaslAnswer.TokenRefused(),
        };
    }

    public SaslAnswer Wrap(ReadOnlySpan<byte> octets)
    {
        var wrapped = new ArrayBufferWriter<byte>();
        return _authentication.Wrap(octets, wrapped, requestEncryption: false, out _)
            == NegotiateAuthenticationStatusCode.Completed
            ? new SaslAnswer.Octets(wrapped.WrittenMemory)
            : new SaslAnswer.TokenRefused();
    }

    public SaslAnswer Unwrap(ReadOnlySpan<byte> token)
    {
        var octets = new ArrayBufferWriter<byte>();
        return _authentication.Unwrap(token, octets, out _) == NegotiateAuthenticationStatusCode.Completed
            ? new SaslAnswer.Octets(octets.WrittenMemory)
            : new SaslAnswer.TokenRefused();
    }

    public void Dispose() => _authentication.Dispose();
}
