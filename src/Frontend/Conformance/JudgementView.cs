using System.Text.Json.Serialization;

namespace MailCluster.Frontend.Conformance;

/// <summary>A row of what --json prints.</summary>
/// <param name="Verdict">pass, partly, fail, not run or not observable.</param>
internal sealed record JudgementView(string Id, string Clause, string Expected, string Seen, string Verdict);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<JudgementView>))]
internal sealed partial class JudgementJson : JsonSerializerContext;
