namespace MailCluster.Frontend.Options;

/// <summary>One key of the configuration as docs/configuration.md shows it.</summary>
/// <param name="Key">From the root, <c>[]</c> for any element of a list: <c>Smtp.Bindings[].MaxHopCount</c>.</param>
/// <param name="Kind">What is written: number, size, duration, text, choice, list, …</param>
/// <param name="Allowed">The range or the words, in the same text as an error gives.</param>
/// <param name="Default">As it would be written.</param>
/// <param name="Why">What the key does and why the default is what it is.</param>
public sealed record OptionDefinition(string Key, string Kind, string Allowed, string Default, string Why);
