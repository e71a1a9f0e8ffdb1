using MailCluster.Frontend.Edge;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>An exchange whose outcome is counted and, when it failed, said at Debug.</summary>
internal sealed class CountedExchange(
    ISaslExchange exchange, string protocol, string mechanism, EdgeMetrics metrics, ILogger log) : ISaslExchange
{
    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) => Count(exchange.Begin(initialResponse));

    public SaslStep Respond(ReadOnlyMemory<byte> response) => Count(exchange.Respond(response));

    public SaslStep Answer(SaslAnswer answer) => Count(exchange.Answer(answer));

    private SaslStep Count(SaslStep step)
    {
        switch (step)
        {
            case SaslStep.Succeeded:
                metrics.LoggedIn(protocol, mechanism, "accepted");
                break;
            case SaslStep.Failed failed:
                SaslLog.LoginFailed(log, protocol, mechanism, failed.Why);
                metrics.LoggedIn(protocol, mechanism, failed.Why switch
                {
                    SaslFailure.BadCredentials => "refused",
                    SaslFailure.Malformed => "malformed",
                    _ => "unavailable",
                });
                break;
        }

        return step;
    }
}
