using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace MailCluster.Deployment.Documents;

/// <summary>
/// YAML as the JSON values that kubectl and docker read from it. What YAML 1.1 and 1.2 read differently (a plain
/// <c>yes</c>, <c>no</c>, <c>on</c>, <c>off</c>) is refused; a key that is given twice is too, by the reader.
/// </summary>
internal static partial class YamlText
{
    public static IReadOnlyList<JsonObject> Documents(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return [.. stream.Documents.Select(document => ObjectOf(document.RootNode))];
    }

    public static JsonObject Document(string text) => Documents(text).Single();

    private static JsonObject ObjectOf(YamlNode node) =>
        Value(node) as JsonObject ?? throw new FormatException("The document is not a mapping.");

    private static JsonNode? Value(YamlNode node) => node switch
    {
        YamlMappingNode mapping => Mapping(mapping),
        YamlSequenceNode sequence => new JsonArray([.. sequence.Select(Value)]),
        YamlScalarNode scalar => Scalar(scalar),
        _ => throw new FormatException($"{node.NodeType} at {node.Start}"),
    };

    /// <summary>With the merge key of YAML 1.1 (<c>&lt;&lt;</c>): what the mapping says itself wins.</summary>
    private static JsonObject Mapping(YamlMappingNode mapping)
    {
        var result = new JsonObject();
        foreach (var (key, value) in mapping.Where(pair => Key(pair.Key) != "<<"))
        {
            result[Key(key)] = Value(value);
        }

        foreach (var (_, merged) in mapping.Where(pair => Key(pair.Key) == "<<"))
        {
            foreach (var (key, value) in Mapping((YamlMappingNode)merged))
            {
                if (!result.ContainsKey(key))
                {
                    result[key] = value?.DeepClone();
                }
            }
        }

        return result;
    }

    private static string Key(YamlNode node) => ((YamlScalarNode)node).Value!;

    private static JsonValue? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style != ScalarStyle.Plain)
        {
            return JsonValue.Create(text);
        }

        if (Ambiguous().IsMatch(text))
        {
            throw new FormatException($"\"{text}\" at {scalar.Start}: a text or a truth value? Put it in quotes.");
        }

        return text switch
        {
            "" or "~" or "null" => null,
            "true" => JsonValue.Create(true),
            "false" => JsonValue.Create(false),
            _ when Octal().IsMatch(text) => JsonValue.Create(Convert.ToInt32(text, 8)),
            _ when Whole().IsMatch(text) => JsonValue.Create(int.Parse(text, CultureInfo.InvariantCulture)),
            _ when Decimal().IsMatch(text) => JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture)),
            _ => JsonValue.Create(text),
        };
    }

    /// <summary>The text of a scalar, whatever it was read as.</summary>
    public static string Text(this JsonNode? node) => node switch
    {
        null => "",
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => node.ToJsonString(),
    };

    public static IEnumerable<JsonNode> Items(this JsonNode? node) => (node as JsonArray ?? []).Select(item => item!);

    public static IEnumerable<string> Keys(this JsonNode? node) => (node as JsonObject ?? []).Select(pair => pair.Key);

    [GeneratedRegex("^(y|n|yes|no|on|off)$", RegexOptions.IgnoreCase)]
    private static partial Regex Ambiguous();

    [GeneratedRegex("^0[0-7]+$")]
    private static partial Regex Octal();

    [GeneratedRegex("^[-+]?(0|[1-9][0-9]*)$")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[-+]?[0-9]+\.[0-9]+$")]
    private static partial Regex Decimal();
}
