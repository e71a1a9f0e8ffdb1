using MailCluster.Actors.Storage;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;

namespace MailCluster.Actors.Accounts;

/// <summary>
/// Answers the questions of the SASL mechanisms. Refusals cost and look the same whether the user is unknown,
/// suspended, without password, or the password wrong; only the metrics and the caller's log know.
/// </summary>
public sealed class PasswordVerifier : IDisposable
{
    private static readonly SaslAnswer Refused = new SaslAnswer.PasswordRefused();
    private static readonly SaslAnswer Unavailable = new SaslAnswer.Unavailable();

    private readonly AccountDirectory _directory;
    private readonly AccountMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly WorkLane _lane;
    private readonly PasswordCache _recent;
    private readonly DecoyKeys _decoys;

    public PasswordVerifier(
        AccountDirectory directory, AccountOptions options, TimeProvider time, AccountMetrics metrics)
    {
        _directory = directory;
        _metrics = metrics;
        _time = time;
        _lane = new WorkLane("derivation", options.DerivationsMax, options.DerivationQueueMax);
        _recent = new PasswordCache(options.PasswordCacheEntries, options.PasswordLifetime, time);
        _decoys = new DecoyKeys(options.Iterations, options.DecoySecret);
    }

    /// <summary>
    /// PLAIN, LOGIN, USER and PASS. An overload of derivations is a temporary failure, never a refusal.
    /// </summary>
    public async ValueTask<SaslAnswer> CheckAsync(SaslStep.CheckPassword question, CancellationToken cancellationToken)
    {
        try
        {
            var account = await _directory.FindLoginAsync(question.User, cancellationToken);
            var mayLogIn = account is { Suspended: false, Keys: not null } && IsOwn(question, account);
            if (mayLogIn && _recent.Contains(account!, question.Password))
            {
                _metrics.PasswordAccepted(cached: true);
                return Accepted(account!);
            }

            var matches = await DeriveAsync(
                account?.Keys ?? _decoys.For(question.User), question.Password, cancellationToken);
            if (matches is null)
            {
                _metrics.PasswordUnavailable();
                return Unavailable;
            }

            if (!mayLogIn || matches is false)
            {
                _metrics.PasswordRefused();
                return Refused;
            }

            _recent.Add(account!, question.Password);
            _metrics.PasswordAccepted(cached: false);
            return Accepted(account!);
        }
        catch (StoreUnavailableException)
        {
            _metrics.PasswordUnavailable();
            return Unavailable;
        }
    }

    /// <summary>SCRAM. Who must not log in gets keys with no identity behind them: his own, or decoys.</summary>
    public async ValueTask<SaslAnswer> FindKeysAsync(SaslStep.FindKeys question, CancellationToken cancellationToken)
    {
        try
        {
            var account = await _directory.FindLoginAsync(question.User, cancellationToken);
            return new SaslAnswer.Keys(
                account?.Keys ?? _decoys.For(question.User),
                account is { Suspended: false, Keys: not null } ? Identity(account) : null);
        }
        catch (StoreUnavailableException)
        {
            _metrics.PasswordUnavailable();
            return Unavailable;
        }
    }

    /// <summary>
    /// NTLM and GSSAPI, whose contexts have shown who it is. No password of ours is needed; a suspended user is
    /// refused.
    /// </summary>
    public async ValueTask<SaslAnswer> FindAccountAsync(
        SaslStep.FindAccount question, CancellationToken cancellationToken)
    {
        try
        {
            var account = await _directory.FindLoginAsync(question.Address, cancellationToken);
            return new SaslAnswer.Account(account is { Suspended: false } ? Identity(account) : null);
        }
        catch (StoreUnavailableException)
        {
            return Unavailable;
        }
    }

    public void Dispose() => _lane.Dispose();

    private static SaslAnswer.PasswordAccepted Accepted(AccountRecord account) => new(Identity(account));

    private static SaslIdentity Identity(AccountRecord account) => new(account.Id, account.Tenant, account.Address);

    /// <summary>Nobody acts for another (RFC 4616 §2): the authorization identity is empty or the user's own.</summary>
    private static bool IsOwn(SaslStep.CheckPassword question, AccountRecord account)
    {
        var wanted = question.AuthorizationIdentity;
        return wanted.Length == 0
            || wanted.Equals(question.User, StringComparison.OrdinalIgnoreCase)
            || wanted.Equals(account.Address, StringComparison.OrdinalIgnoreCase);
    }

    private async ValueTask<bool?> DeriveAsync(
        ScramKeys keys, string password, CancellationToken cancellationToken)
    {
        var since = _time.GetTimestamp();
        var answer = _lane.TryRun(() => ScramSha256.Matches(keys, password));
        if (answer is null)
        {
            return null;
        }

        var matches = await answer.WaitAsync(cancellationToken);
        _metrics.Derived(_time.GetElapsedTime(since));
        return matches;
    }
}
