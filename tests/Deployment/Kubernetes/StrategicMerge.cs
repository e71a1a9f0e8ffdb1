using System.Text.Json.Nodes;

namespace MailCluster.Deployment.Kubernetes;

/// <summary>
/// A strategic merge patch as kustomize 5 applies it: mappings merge, null takes a key away, lists of objects that
/// have a
/// merge key merge by it with the patch's elements first, any other list is replaced.
/// </summary>
internal static class StrategicMerge
{
    /// <summary>x-kubernetes-patch-merge-key (for spread constraints: list-map-keys) of the lists that k8s/
    /// has.</summary>
    private static readonly Dictionary<string, string[]> MergeKeys = new(StringComparer.Ordinal)
    {
        ["containers"] = ["name"],
        ["initContainers"] = ["name"],
        ["env"] = ["name"],
        ["volumes"] = ["name"],
        ["volumeMounts"] = ["mountPath"],
        ["containers/ports"] = ["containerPort", "protocol"],
        ["spec/ports"] = ["port"],
        ["topologySpreadConstraints"] = ["topologyKey", "whenUnsatisfiable"],
    };

    public static void Apply(JsonObject target, JsonObject patch) => Apply(target, patch, "");

    private static void Apply(JsonObject target, JsonObject patch, string parent)
    {
        foreach (var (key, value) in patch)
        {
            switch (value)
            {
                case null:
                    target.Remove(key);
                    break;
                case JsonObject inner when target[key] is JsonObject existing:
                    Apply(existing, inner, key);
                    break;
                case JsonArray list when target[key] is JsonArray existing && KeysOf(parent, key) is { } keys:
                    target[key] = Merge(existing, list, keys, key);
                    break;
                default:
                    target[key] = value.DeepClone();
                    break;
            }
        }
    }

    private static string[]? KeysOf(string parent, string key) =>
        MergeKeys.GetValueOrDefault($"{parent}/{key}") ?? MergeKeys.GetValueOrDefault(key);

    private static JsonArray Merge(JsonArray existing, JsonArray patch, string[] keys, string name)
    {
        var rest = existing.Select(item => item!.DeepClone().AsObject()).ToList();
        var result = new JsonArray();
        foreach (var item in patch.Select(item => item!.AsObject()))
        {
            if (item.ContainsKey("$patch"))
            {
                throw new NotSupportedException($"$patch inside the list {name}");
            }

            var same = rest.Find(other => keys.All(key => JsonNode.DeepEquals(other[key], item[key])));
            if (same is null)
            {
                result.Add(item.DeepClone());
                continue;
            }

            rest.Remove(same);
            Apply(same, item, name);
            result.Add(same);
        }

        rest.ForEach(item => result.Add(item));
        return result;
    }
}
