using MailCluster.Actors.Accounts;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Edge;

/// <summary>Puts the questions of SASL mechanisms to the account directory and to the security contexts.</summary>
internal sealed class Logins(
    PasswordVerifier verifier, SecurityContexts contexts, EdgeMetrics metrics, ILogger<Logins> log)
{
    /// <param name="slot">Of the connection: where its exchange keeps its context.</param>
    public async ValueTask<SaslAnswer> AskAsync(string protocol, SaslStep.Question question, ContextSlot slot)
    {
        SaslAnswer answer;
        try
        {
            answer = question switch
            {
                SaslStep.CheckPassword check => await verifier.CheckAsync(check, CancellationToken.None)
                    .ConfigureAwait(false),
                SaslStep.FindKeys find => await verifier.FindKeysAsync(find, CancellationToken.None)
                    .ConfigureAwait(false),
                SaslStep.FindAccount find => await verifier.FindAccountAsync(find, CancellationToken.None)
                    .ConfigureAwait(false),
                _ => await contexts.AskAsync(protocol, question, slot).ConfigureAwait(false),
            };
        }
        catch (Exception e) when (e is StoreUnavailableException or AskFailedException)
        {
            EdgeLog.LoginUnavailable(log, e);
            answer = new SaslAnswer.Unavailable();
        }

        SayWho(protocol, question, answer);
        return answer;
    }

    /// <summary>POP3's PASS, the one login without an exchange that counts it.</summary>
    public void CountPass(string protocol, SaslAnswer answer) => metrics.LoggedIn(protocol, "PASS", answer switch
    {
        SaslAnswer.PasswordAccepted => "accepted",
        SaslAnswer.PasswordRefused => "refused",
        _ => "unavailable",
    });

    private void SayWho(string protocol, SaslStep.Question question, SaslAnswer answer)
    {
        if (!log.IsEnabled(LogLevel.Debug))
        {
            return;
        }

        switch (question, answer)
        {
            case (SaslStep.CheckPassword check, SaslAnswer.PasswordRefused):
                SaslLog.UserRefused(log, protocol, check.User);
                break;
            case (SaslStep.FindKeys find, SaslAnswer.Keys { Identity: null }):
                SaslLog.UserRefused(log, protocol, find.User);
                break;
            case (SaslStep.FindAccount find, SaslAnswer.Account { Identity: null }):
                SaslLog.UserRefused(log, protocol, find.Address);
                break;
        }
    }
}
