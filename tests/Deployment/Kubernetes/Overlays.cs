using System.Text.Json.Nodes;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Kubernetes;

/// <summary>What an operator applies.</summary>
internal sealed class Overlay(string name)
{
    public static TheoryData<string> Names { get; } =
        [.. Directory.GetDirectories(Repository.PathOf("k8s/overlays")).Select(path =>
            Path.GetFileName(path)!).Order()];

    public IReadOnlyList<JsonObject> Objects { get; } = Kustomization.Build(Repository.PathOf($"k8s/overlays/{name}"));

    public JsonObject Set => Assert.Single(Of("StatefulSet"));

    public JsonObject Pod => Set["spec"]!["template"]!["spec"]!.AsObject();

    public JsonObject Container => Assert.Single(Pod["containers"].Items()).AsObject();

    /// <summary>Name → number of the container's ports.</summary>
    public IReadOnlyDictionary<string, int> Ports => Container["ports"].Items().ToDictionary(
        port => port["name"].Text(), port => port["containerPort"]!.GetValue<int>());

    public string Configuration =>
        Assert.Single(Of("ConfigMap"))["data"]!["mailcluster.json"].Text();

    public IEnumerable<JsonObject> Of(string kind) => Objects.Where(item => item["kind"].Text() == kind);

    public static string NameOf(JsonObject item) => item["metadata"]!["name"].Text();

    /// <summary>The environment as the program sees it in a pod called mailcluster-0, secrets by their name.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Environment()
    {
        var seen = new List<KeyValuePair<string, string>>();
        foreach (var entry in Container["env"].Items())
        {
            var value = entry["value"]?.Text() ?? (entry["valueFrom"]!["fieldRef"]?["fieldPath"].Text()) switch
            {
                "metadata.name" => "mailcluster-0",
                "status.podIP" => "10.1.2.3",
                null => $"Host=secret-{entry["valueFrom"]!["secretKeyRef"]!["name"]}",
                var path => throw new NotSupportedException(path),
            };
            foreach (var (name, earlier) in seen)
            {
                value = value.Replace($"$({name})", earlier, StringComparison.Ordinal);
            }

            seen.Add(new(entry["name"].Text(), value));
        }

        return seen;
    }
}
