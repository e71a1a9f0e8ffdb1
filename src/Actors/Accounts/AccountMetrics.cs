using System.Diagnostics.Metrics;

namespace MailCluster.Actors.Accounts;

public sealed class AccountMetrics
{
    private static readonly KeyValuePair<string, object?> Hit = new("cached", "yes");
    private static readonly KeyValuePair<string, object?> Miss = new("cached", "no");
    private static readonly KeyValuePair<string, object?> Accepted = new("result", "accepted");
    private static readonly KeyValuePair<string, object?> Refused = new("result", "refused");
    private static readonly KeyValuePair<string, object?> Unavailable = new("result", "unavailable");

    private readonly Counter<long> _names;
    private readonly Counter<long> _aliasTargets;
    private readonly Counter<long> _aliasLimits;
    private readonly Counter<long> _checks;
    private readonly Histogram<double> _derivations;

    public AccountMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MailCluster");
        _names = meter.CreateCounter<long>(
            "mailcluster.accounts.names", "{name}", "Names looked up, by whether the cache had them.");
        _aliasTargets = meter.CreateCounter<long>(
            "mailcluster.accounts.alias_targets_unresolved", "{address}",
            "Targets of aliases, met while expanding, that lead to no mailbox.");
        _aliasLimits = meter.CreateCounter<long>(
            "mailcluster.accounts.alias_limits_exceeded", "{recipient}",
            "Recipients refused with 451 because their alias is nested too deeply or has too many targets.");
        _checks = meter.CreateCounter<long>(
            "mailcluster.accounts.password_checks", "{check}",
            "Passwords checked, by result and by whether one was remembered.");
        _derivations = meter.CreateHistogram<double>(
            "mailcluster.accounts.derivation.duration", "s",
            "From the question to the answer of a password derivation.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
            });
    }

    public void NameFound(bool cached) => _names.Add(1, cached ? Hit : Miss);

    public void AliasTargetUnresolved() => _aliasTargets.Add(1);

    public void AliasLimitExceeded() => _aliasLimits.Add(1);

    public void PasswordAccepted(bool cached) => _checks.Add(1, Accepted, cached ? Hit : Miss);

    public void PasswordRefused() => _checks.Add(1, Refused, Miss);

    public void PasswordUnavailable() => _checks.Add(1, Unavailable, Miss);

    public void Derived(TimeSpan duration) => _derivations.Record(duration.TotalSeconds);
}
