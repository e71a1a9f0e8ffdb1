using MailCluster.Actors.Limits;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Edge;

/// <summary>May an attempt to log in go on?</summary>
internal enum LogonGate
{
    Open,

    /// <summary>Too many have failed: a temporary failure, whatever the password is.</summary>
    Shut,

    /// <summary>While it waited, a clock of the connection ran out or the client went away.</summary>
    Lost,
}

/// <summary>
/// Slows and stops the attempts of one connection by what failed before it, on any connection (decision 10). It waits
/// before the password is looked at, so that how long it takes tells nothing about the password or the user.
/// </summary>
internal sealed class LogonGuard(ClientConnection connection, LogonLimits limits)
{
    private LogonName? _name;
    private bool _isKnown;
    private bool _isTrying;
    private int _failures;

    /// <summary>Before a mechanism's question is answered. The first of an attempt is held.</summary>
    public async ValueTask<LogonGate> EnterAsync(SaslStep.Question question)
    {
        var name = NameIn(question);
        if (name is not null)
        {
            _name = LogonName.Of(name);
        }

        if (_isTrying && !BeginsAttempt(question))
        {
            return LogonGate.Open;
        }

        _isTrying = true;
        _name = name is null ? null : _name;
        var verdict = await limits.JudgeAsync(_name, connection.Source).ConfigureAwait(false);
        if (verdict.Delay > TimeSpan.Zero)
        {
            if (!await connection.HoldAsync(verdict.Delay).ConfigureAwait(false))
            {
                return LogonGate.Lost;
            }

            // Many may have waited side by side; those that found the limit reached meanwhile are not let through.
            verdict = await limits.JudgeAsync(_name, connection.Source).ConfigureAwait(false);
        }

        _isKnown = verdict.IsKnown;
        return verdict.IsRefused ? LogonGate.Shut : LogonGate.Open;
    }

    /// <summary>After each step of the session.</summary>
    /// <param name="failures">Failed logins of the session so far.</param>
    public void Note(int failures)
    {
        if (failures == _failures)
        {
            return;
        }

        _failures = failures;
        limits.Failed(_name, connection.Source, _isKnown);
        Forget();
    }

    /// <summary>May be said more than once.</summary>
    public void Succeeded()
    {
        if (_isTrying && _name is { } name)
        {
            limits.Succeeded(name, connection.Source);
        }

        Forget();
    }

    private void Forget() => (_name, _isKnown, _isTrying) = (null, false, false);

    /// <summary>Null: NTLM and GSSAPI tell it at their end only.</summary>
    private static string? NameIn(SaslStep.Question question) => question switch
    {
        SaslStep.CheckPassword check => check.User,
        SaslStep.FindKeys find => find.User,
        SaslStep.FindAccount find => find.Address,
        _ => null,
    };

    private static bool BeginsAttempt(SaslStep.Question question) =>
        question is SaslStep.CheckPassword or SaslStep.FindKeys or SaslStep.AcceptToken { IsFirst: true };
}
