using System.Net.Security;
using MailCluster.Actors.Accounts;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>
/// Answers what NTLM and GSSAPI ask of the system, on few threads behind a bounded queue: a full one is a temporary
/// failure (454 4.7.0), never a refusal.
/// </summary>
internal sealed class SecurityContexts(ILogger<SecurityContexts> log) : IDisposable
{
    /// <summary>A token costs some tenths of a millisecond; with two, one blocked file does not stop all.</summary>
    private const int Threads = 2;

    /// <summary>About a tenth of a second's work.</summary>
    private const int QueueMax = 512;

    private readonly WorkLane _lane = new("security context", Threads, QueueMax);

    /// <exception cref="OperationCanceledException">The node ends.</exception>
    public async ValueTask<SaslAnswer> AskAsync(string protocol, SaslStep.Question question, ContextSlot slot)
    {
        var answer = _lane.TryRun(() => question switch
        {
            SaslStep.AcceptToken accept => Accept(protocol, accept, slot),
            SaslStep.Wrap wrap => slot.Current.Wrap(wrap.Octets.Span),
            SaslStep.Unwrap unwrap => slot.Current.Unwrap(unwrap.Token.Span),
            _ => throw new System.Diagnostics.UnreachableException(),
        });
        return answer is null ? new SaslAnswer.Unavailable() : await answer.ConfigureAwait(false);
    }

    public void Dispose() => _lane.Dispose();

    private SaslAnswer Accept(string protocol, SaslStep.AcceptToken accept, ContextSlot slot)
    {
        var context = accept.IsFirst ? slot.Open(accept.Package) : slot.Current;
        var answer = context.Accept(accept.Token.Span, out var status);
        if (status is not (NegotiateAuthenticationStatusCode.Completed
            or NegotiateAuthenticationStatusCode.ContinueNeeded))
        {
            SaslLog.TokenRefused(log, protocol, accept.Package, status);
        }

        return answer;
    }
}
