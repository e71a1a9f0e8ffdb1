using System.Text.Json.Serialization;

namespace MailCluster.Frontend.Import;

/// <param name="Name">Of the message at its source.</param>
internal sealed record SkippedMessage(string Name, string Reason);

/// <summary>What an import came to.</summary>
internal sealed record ImportReport(string Mailbox, string Source, bool DryRun)
{
    /// <summary>Skipped messages that are named; more are counted.</summary>
    public const int NamedMax = 1000;

    /// <summary>By this run; with DryRun, those that would be, were none there.</summary>
    public long Imported { get; set; }

    /// <summary>Of those, as the source has them.</summary>
    public long Octets { get; set; }

    /// <summary>Imported by an earlier run.</summary>
    public long AlreadyThere { get; set; }

    /// <summary>Imported with an id of ours, though ids of the old server were asked for.</summary>
    public long WithoutUniqueId { get; set; }

    /// <summary>Imported without flags that there is no place for.</summary>
    public long WithoutFlags { get; set; }

    public long SkippedCount { get; private set; }

    /// <summary>The first of them.</summary>
    public List<SkippedMessage> Skipped { get; } = [];

    public void Skip(string name, string reason)
    {
        SkippedCount++;
        if (Skipped.Count < NamedMax)
        {
            Skipped.Add(new SkippedMessage(name, reason));
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ImportReport))]
internal sealed partial class ImportJson : JsonSerializerContext;
