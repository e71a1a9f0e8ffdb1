using System.Net.Security;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

internal static partial class SaslLog
{
    [LoggerMessage(1100, LogLevel.Information, "{Mechanism} is offered over {Protocols}: {With}")]
    public static partial void Offered(ILogger log, string mechanism, string protocols, string with);

    [LoggerMessage(1101, LogLevel.Information, "{Mechanism} is not offered: {Why}")]
    public static partial void NotOffered(ILogger log, string mechanism, string why);

    [LoggerMessage(1102, LogLevel.Warning, "{Mechanism} is not offered: {Why}")]
    public static partial void CannotBeOffered(ILogger log, string mechanism, string why);

    [LoggerMessage(1103, LogLevel.Debug, "A {Protocol} login by {Mechanism} failed: {Why}")]
    public static partial void LoginFailed(ILogger log, string protocol, string mechanism, SaslFailure why);

    [LoggerMessage(1104, LogLevel.Debug, "{Protocol}: a token of {Package} was not accepted: {Status}")]
    public static partial void TokenRefused(
        ILogger log, string protocol, SaslPackage package, NegotiateAuthenticationStatusCode status);

    [LoggerMessage(1105, LogLevel.Debug, "{Protocol}: no user {User} who may log in, or not with this password")]
    public static partial void UserRefused(ILogger log, string protocol, string user);
}
