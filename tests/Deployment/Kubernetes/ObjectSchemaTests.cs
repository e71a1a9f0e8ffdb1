using System.Text.Json.Nodes;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Kubernetes;

public sealed class ObjectSchemaTests
{
    /// <summary>Mappings whose keys are the operator's: a renamed key is another key, not a mistake.</summary>
    private static readonly HashSet<string> FreeMappings =
        ["labels", "annotations", "matchLabels", "selector", "data", "requests", "limits"];

    private static readonly JsonSchema Schema = JsonSchema.Load("tests/schemas/kubernetes-1.27.1.json");

    public static TheoryData<string> Names => Overlay.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_object_is_valid(string overlay)
    {
        foreach (var item in new Overlay(overlay).Objects)
        {
            Assert.Equal([], Check(item));
        }
    }

    [Fact]
    public void Every_object_of_the_base_is_valid_before_it_is_merged()
    {
        var objects = Kustomization.Build(Repository.PathOf("k8s/base"));

        Assert.Equal(10, objects.Count);
        Assert.All(objects, item => Assert.Equal([], Check(item)));
    }

    [Fact]
    public void Every_kind_of_the_schema_is_used_and_has_one_version()
    {
        var used = Names.SelectMany(name => new Overlay(name.Data).Objects).Select(item => item["kind"].Text())
            .Distinct().Append("Secret").Order();

        Assert.Equal(Schema.Root["kinds"].Keys().Order(), used);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_typo_in_any_field_of_any_object_is_caught(string overlay)
    {
        var planted = new Dictionary<string, int>();
        foreach (var item in new Overlay(overlay).Objects)
        {
            var kind = item["kind"].Text();
            foreach (var mistaken in Typos(item))
            {
                Assert.NotEmpty(Check(mistaken));
                planted[kind] = planted.GetValueOrDefault(kind) + 1;
            }
        }

        // Each kind had at least apiVersion, kind, metadata and a name to get wrong.
        Assert.All(planted, pair => Assert.InRange(pair.Value, 4, 1000));
        Assert.Equal(new Overlay(overlay).Objects.Select(item =>
            item["kind"].Text()).Distinct().Order(), planted.Keys.Order());
        Assert.InRange(planted["StatefulSet"], 120, 1000);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_value_of_another_type_in_any_field_is_caught(string overlay)
    {
        foreach (var item in new Overlay(overlay).Objects)
        {
            foreach (var (parent, key) in Fields(item))
            {
                var value = parent[key];
                parent[key] = value is JsonObject or JsonArray ? JsonValue.Create("text") : new JsonObject();
                Assert.NotEmpty(Check(item));
                parent[key] = value;
            }
        }
    }

    private static IReadOnlyList<string> Check(JsonObject item)
    {
        var kind = Schema.Root["kinds"]![item["kind"].Text()];
        return kind is null ? [$"no kind {item["kind"]}"]
            : kind["apiVersion"].Text() != item["apiVersion"]
                .Text() ? [$"{item["kind"]} is not of {item["apiVersion"]}"]
            : Schema.Check(item, new JsonObject { ["$ref"] = kind["$ref"].Text() });
    }

    private static IEnumerable<JsonObject> Typos(JsonObject item)
    {
        foreach (var (parent, key) in Fields(item))
        {
            var value = parent[key];
            parent.Remove(key);
            parent[key + "x"] = value;
            yield return item;
            parent.Remove(key + "x");
            parent[key] = value;
        }
    }

    private static List<(JsonObject Parent, string Key)> Fields(JsonNode? node, string parent = "")
    {
        var fields = new List<(JsonObject, string)>();
        if (node is JsonObject members)
        {
            foreach (var (key, value) in members)
            {
                // A label selector is a structure, a service's selector a free mapping.
                if (!FreeMappings.Contains(parent) || (parent == "selector" && key == "matchLabels"))
                {
                    fields.Add((members, key));
                }

                fields.AddRange(Fields(value, key));
            }
        }

        node.Items().ToList().ForEach(item => fields.AddRange(Fields(item, "")));
        return fields;
    }
}
