namespace MailCluster.Shared.Sasl;

/// <summary>
/// How the answer to <see cref="SaslStep.CheckPassword"/> ends an exchange: for PLAIN, LOGIN and POP3's PASS alike.
/// </summary>
public static class PasswordCheck
{
    public static SaslStep Conclude(SaslStep.CheckPassword question, SaslAnswer answer) => answer switch
    {
        SaslAnswer.PasswordAccepted accepted
            when SaslText.MayActAs(question.AuthorizationIdentity, question.User, accepted.Identity) =>
            new SaslStep.Succeeded(accepted.Identity),
        SaslAnswer.PasswordAccepted or SaslAnswer.PasswordRefused => new SaslStep.Failed(SaslFailure.BadCredentials),
        SaslAnswer.Unavailable => new SaslStep.Failed(SaslFailure.Temporary),
        _ => throw new InvalidOperationException("Keys do not answer a question for a password."),
    };
}
