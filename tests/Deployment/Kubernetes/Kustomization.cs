using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MailCluster.Deployment.Documents;

namespace MailCluster.Deployment.Kubernetes;

/// <summary>
/// What <c>kubectl kustomize</c> prints, for the fields of a kustomization that k8s/ uses; any other field is an error.
/// </summary>
internal static class Kustomization
{
    private const string Generated = "$generated";

    private static readonly JsonSerializerOptions Relaxed =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static IReadOnlyList<JsonObject> Build(string directory)
    {
        var objects = Load(directory);
        foreach (var map in objects.Where(item => item.Remove(Generated)))
        {
            var old = map["metadata"]!["name"].Text();
            var name = $"{old}-{HashOf(map)}";
            map["metadata"]!["name"] = name;
            foreach (var volume in objects.SelectMany(PodsOf).SelectMany(pod => pod["volumes"].Items()))
            {
                if (volume["configMap"] is JsonObject source && source["name"].Text() == old)
                {
                    source["name"] = name;
                }
            }
        }

        return objects;
    }

    private static List<JsonObject> Load(string directory)
    {
        var file = YamlText.Document(File.ReadAllText(Path.Combine(directory, "kustomization.yaml")));
        var objects = new List<JsonObject>();
        foreach (var path in file["resources"].Items().Select(item => Path.Combine(directory, item.Text())))
        {
            objects.AddRange(Directory.Exists(path) ? Load(path) : YamlText.Documents(File.ReadAllText(path)));
        }

        foreach (var (field, value) in file)
        {
            switch (field)
            {
                case "apiVersion" or "kind" or "resources":
                    break;
                case "configMapGenerator":
                    objects.AddRange(value.Items().Select(item => MapOf(directory, item)));
                    break;
                case "namespace" or "labels" or "images" or "replicas" or "patches":
                    break; // below, in kustomize's order
                default:
                    throw new NotSupportedException($"{directory}: {field}");
            }
        }

        foreach (var patch in file["patches"].Items())
        {
            Patch(objects, YamlText.Document(File.ReadAllText(Path.Combine(directory, patch["path"].Text()))));
        }

        file["labels"].Items().ToList().ForEach(labels => Label(objects, labels.AsObject()));
        file["replicas"].Items().ToList().ForEach(replicas => Scale(objects, replicas));
        file["images"].Items().ToList().ForEach(image => Retag(objects, image.AsObject()));
        if (file["namespace"] is { } name)
        {
            objects.ForEach(item => Place(item, name.Text()));
        }

        return objects;
    }

    /// <summary>The pod that an object makes, if it makes one.</summary>
    public static IEnumerable<JsonObject> PodsOf(JsonObject item) =>
        item["spec"]?["template"]?["spec"] is JsonObject pod ? [pod] : [];

    private static JsonObject MapOf(string directory, JsonNode generator)
    {
        var content = new JsonObject();
        foreach (var file in generator["files"].Items().Select(item => item.Text()))
        {
            content[Path.GetFileName(file)] = File.ReadAllText(Path.Combine(directory, file));
        }

        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = generator["name"].Text() },
            ["data"] = content,
            [Generated] = true,
        };
    }

    private static void Patch(List<JsonObject> objects, JsonObject patch)
    {
        var target = objects.Single(item => item["kind"].Text() == patch["kind"].Text()
            && item["apiVersion"].Text() == patch["apiVersion"].Text()
            && item["metadata"]!["name"].Text() == patch["metadata"]!["name"].Text());
        if (patch["$patch"]?.Text() == "delete")
        {
            objects.Remove(target);
            return;
        }

        StrategicMerge.Apply(target, patch);
    }

    private static void Label(List<JsonObject> objects, JsonObject labels)
    {
        if (labels.Any(pair => pair.Key != "pairs"))
        {
            throw new NotSupportedException("labels with selectors or templates");
        }

        foreach (var (key, value) in objects.SelectMany(_ => labels["pairs"]!.AsObject()))
        {
            foreach (var item in objects)
            {
                item["metadata"]!["labels"] ??= new JsonObject();
                item["metadata"]!["labels"]![key] = value!.DeepClone();
            }
        }
    }

    private static void Scale(List<JsonObject> objects, JsonNode replicas) =>
        objects.Single(item => item["kind"].Text() == "StatefulSet"
            && item["metadata"]!["name"].Text() == replicas["name"].Text())["spec"]!["replicas"] =
            replicas["count"]!.DeepClone();

    private static void Retag(List<JsonObject> objects, JsonObject image)
    {
        foreach (var container in objects.SelectMany(PodsOf).SelectMany(pod => pod["containers"].Items()))
        {
            var (name, tag) = Split(container["image"].Text());
            if (name == image["name"].Text())
            {
                container["image"] =
                    $"{image["newName"]?.Text() ?? name}:{image["newTag"]?.Text() ?? tag}";
            }
        }
    }

    private static (string Name, string Tag) Split(string image)
    {
        var colon = image.LastIndexOf(':');
        return colon > image.LastIndexOf('/') ? (image[..colon], image[(colon + 1)..]) : (image, "");
    }

    private static void Place(JsonObject item, string name) =>
        item["metadata"]![item["kind"].Text() == "Namespace" ? "name" : "namespace"] = name;

    /// <summary>Ten characters of the content's SHA-256, without vowels and digits that could be taken for
    /// them.</summary>
    private static string HashOf(JsonObject map)
    {
        var content = new JsonObject();
        foreach (var (key, value) in map["data"]!.AsObject().OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            content[key] = value!.DeepClone();
        }

        var encoded = new JsonObject
        {
            ["data"] = content, ["kind"] = "ConfigMap", ["name"] = "",
        }.ToJsonString(Relaxed)
            .Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal)
            .Replace("&", "\\u0026", StringComparison.Ordinal);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(encoded)))[..10];
        return string.Concat(hash.Select(digit => digit switch
        {
            '0' => 'g', '1' => 'h', '3' => 'k', 'a' => 'm', 'e' => 't', _ => digit,
        }));
    }
}
