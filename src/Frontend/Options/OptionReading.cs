namespace MailCluster.Frontend.Options;

/// <summary>What one pass over the tree gathers.</summary>
/// <param name="describes">Also gather the definitions, for the documentation.</param>
internal sealed class OptionReading(bool describes)
{
    public bool Describes { get; } = describes;

    public List<ConfigurationFault> Faults { get; } = [];

    /// <summary>
    /// Allowed, but not what the standards or good sense ask for; check-config shows it, serve logs it.
    /// </summary>
    public List<string> Advice { get; } = [];

    public List<OptionDefinition> Definitions { get; } = [];

    /// <summary>Every key and list element that somebody set, with the key of its definition.</summary>
    public List<(string Definition, string Path)> Given { get; } = [];
}
