using System.Text.Json.Nodes;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Kubernetes;

public sealed class KustomizationTests
{
    private const string Fixture = "tests/Deployment/Kubernetes/Fixture";

    [Fact]
    public void Overlays_are_merged_as_kustomize_merges_them()
    {
        var merged = Kustomization.Build(Repository.PathOf($"{Fixture}/overlay"));
        var expected = YamlText.Documents(Repository.Read($"{Fixture}/expected.yaml"));

        Assert.Equal(expected.Count, merged.Count);
        foreach (var item in expected)
        {
            var ours = Assert.Single(merged, other => NameOf(other) == NameOf(item));
            Assert.Equal(Canonical(item)!.ToJsonString(), Canonical(ours)!.ToJsonString());
        }
    }

    [Fact]
    public void A_field_of_a_kustomization_that_is_not_understood_is_refused()
    {
        var directory = Directory.CreateTempSubdirectory("mailcluster-deploy-");
        try
        {
            File.WriteAllText(Path.Combine(directory.FullName, "kustomization.yaml"), "namePrefix: a-\n");

            var thrown = Assert.Throws<NotSupportedException>(() => Kustomization.Build(directory.FullName));

            Assert.Contains("namePrefix", thrown.Message, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Every_file_of_a_kustomization_is_named_in_it_and_holds_one_object()
    {
        foreach (var directory in Directory.GetDirectories(Repository.PathOf("k8s"), "*", SearchOption.AllDirectories))
        {
            var file = Path.Combine(directory, "kustomization.yaml");
            if (!File.Exists(file))
            {
                continue;
            }

            var text = File.ReadAllText(file);
            foreach (var path in Directory.GetFiles(directory).Where(path => path != file))
            {
                Assert.Contains($" {Path.GetFileName(path)}\n", text, StringComparison.Ordinal);
                if (path.EndsWith(".yaml", StringComparison.Ordinal))
                {
                    Assert.Single(YamlText.Documents(File.ReadAllText(path)));
                }
            }
        }
    }

    private static string NameOf(JsonObject item) => $"{item["kind"]}/{item["metadata"]!["name"]}";

    /// <summary>Keys in order; spread constraints too, whose order means nothing.</summary>
    private static JsonNode? Canonical(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(
            pair => KeyValuePair.Create(pair.Key, pair.Key == "topologySpreadConstraints"
                ? Sorted((JsonArray)pair.Value!) : Canonical(pair.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Canonical)]),
        _ => node?.DeepClone(),
    };

    private static JsonArray Sorted(JsonArray items) => new(
        [.. items.Select(Canonical).OrderBy(item => item!.ToJsonString(), StringComparer.Ordinal)]);
}
