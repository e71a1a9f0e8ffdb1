using System.Text.Json.Serialization;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

/// <summary>What --json prints of a list: all pages together.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<DomainView>))]
[JsonSerializable(typeof(List<UserView>))]
[JsonSerializable(typeof(List<AliasView>))]
[JsonSerializable(typeof(List<QueuedView>))]
internal sealed partial class ListJson : JsonSerializerContext;
