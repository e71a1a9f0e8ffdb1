using MailCluster.Actors.Accounts;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Edge;

/// <summary>Puts the questions of SASL mechanisms to the account directory and counts the verdicts.</summary>
internal sealed class Logins(PasswordVerifier verifier, EdgeMetrics metrics, ILogger<Logins> log)
{
    /// <summary>Too many have failed before: nobody is asked (decision 10).</summary>
    public SaslAnswer Refuse(string protocol)
    {
        metrics.LoggedIn(protocol, "unavailable");
        return new SaslAnswer.Unavailable();
    }

    public async ValueTask<SaslAnswer> AskAsync(string protocol, SaslStep question)
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
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
        catch (Exception e) when (e is StoreUnavailableException or AskFailedException)
        {
            EdgeLog.LoginUnavailable(log, e);
            answer = new SaslAnswer.Unavailable();
        }

        switch (answer)
        {
            case SaslAnswer.PasswordAccepted:
                metrics.LoggedIn(protocol, "accepted");
                break;
            case SaslAnswer.PasswordRefused:
                metrics.LoggedIn(protocol, "refused");
                break;
            case SaslAnswer.Unavailable:
                metrics.LoggedIn(protocol, "unavailable");
                break;
        }

        return answer;
    }
}
