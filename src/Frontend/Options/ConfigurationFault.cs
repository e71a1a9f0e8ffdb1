namespace MailCluster.Frontend.Options;

/// <summary>One thing that is wrong with the configuration: start is refused with all of them.</summary>
/// <param name="Key">Full path with colons, as the environment and the error text spell it.</param>
/// <param name="Value">As given; null when it was absent or <c>null</c>.</param>
/// <param name="Allowed">What may stand there.</param>
public sealed record ConfigurationFault(string Key, string? Value, string Allowed)
{
    public override string ToString() =>
        Value is null ? $"{Key}: {Allowed}" : $"{Key}: \"{Value}\" is not allowed; allowed: {Allowed}";
}

/// <summary>The configuration cannot be used; <see cref="Faults"/> has every reason, not only the first.</summary>
public sealed class ConfigurationFaultException(IReadOnlyList<ConfigurationFault> faults)
    : Exception(string.Join(Environment.NewLine, faults))
{
    public IReadOnlyList<ConfigurationFault> Faults { get; } = faults;
}
