using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MailCluster.Deployment.Documents;

/// <summary>
/// The part of JSON Schema draft 7 that the schemas under tests/schemas use. A keyword that it does not know is an
/// error, not a rule that nobody checks.
/// </summary>
internal sealed class JsonSchema(JsonObject root)
{
    private static readonly HashSet<string> Annotations = ["$schema", "$id", "$comment"];

    public static JsonSchema Load(string relative) =>
        new(JsonNode.Parse(Repository.Read(relative))!.AsObject());

    public JsonObject Root => root;

    /// <summary>Every place where the value breaks the schema, with the reason; empty: it is valid.</summary>
    public IReadOnlyList<string> Check(JsonNode? value, JsonNode schema)
    {
        var faults = new List<string>();
        Check(value, schema, "", faults);
        return faults;
    }

    private void Check(JsonNode? value, JsonNode schema, string path, List<string> faults)
    {
        foreach (var (keyword, rule) in schema.AsObject())
        {
            switch (keyword)
            {
                case "$ref":
                    Check(value, Resolve(rule!.GetValue<string>()), path, faults);
                    break;
                case "type":
                    CheckType(value, rule!, path, faults);
                    break;
                case "enum":
                    Require(rule!.Items().Any(item => JsonNode.DeepEquals(item, value)), path,
                        $"is none of {rule!.ToJsonString()}", faults);
                    break;
                case "oneOf":
                    Require(rule!.Items().Count(option => Check(value, option).Count == 0) == 1, path,
                        () => "fits none of its forms, or several: " + string.Join(
                            "; ", rule!.Items().SelectMany(option => Check(value, option))), faults);
                    break;
                case "properties" or "patternProperties" or "additionalProperties" or "required":
                    break; // together below
                case "items":
                    CheckItems(value, rule!, path, faults);
                    break;
                case "uniqueItems":
                    Require(value is not JsonArray array || !rule!.GetValue<bool>()
                        || array.Select(item => item?.ToJsonString()).Distinct().Count() == array.Count, path,
                        "has an item twice", faults);
                    break;
                case "pattern":
                    Require(!IsText(value) || Regex.IsMatch(value.Text(), rule!.GetValue<string>()), path,
                        $"does not match {rule}", faults);
                    break;
                case "minimum" or "maximum":
                    Require(value?.GetValueKind() != JsonValueKind.Number
                        || (keyword == "minimum" ? NumberOf(value) >= NumberOf(rule!) : NumberOf(value) <= NumberOf(
                            rule!)),
                        path, $"is beyond the {keyword} {rule}", faults);
                    break;
                default:
                    Require(Annotations.Contains(keyword) || ReferenceEquals(schema, root), path,
                        $"the schema has the keyword {keyword}, which this reader does not know", faults);
                    break;
            }
        }

        CheckProperties(value, schema.AsObject(), path, faults);
    }

    private void CheckProperties(JsonNode? value, JsonObject schema, string path, List<string> faults)
    {
        if (value is not JsonObject members)
        {
            return;
        }

        foreach (var name in schema["required"].Items().Select(item => item.Text()))
        {
            Require(members.ContainsKey(name), path, $"lacks {name}", faults);
        }

        foreach (var (name, member) in members)
        {
            var rules = new List<JsonNode>();
            if (schema["properties"]?[name] is { } own)
            {
                rules.Add(own);
            }

            rules.AddRange((schema["patternProperties"] as JsonObject ?? [])
                .Where(pair => Regex.IsMatch(name, pair.Key)).Select(pair => pair.Value!));
            if (rules.Count == 0 && schema["additionalProperties"] is { } other)
            {
                if (other.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
                {
                    Require(other.GetValue<bool>(), path, $"has the unknown field {name}", faults);
                }
                else
                {
                    rules.Add(other);
                }
            }

            foreach (var rule in rules)
            {
                Check(member, rule, $"{path}/{name}", faults);
            }
        }
    }

    private void CheckItems(JsonNode? value, JsonNode rule, string path, List<string> faults)
    {
        if (value is JsonArray array)
        {
            for (var index = 0; index < array.Count; index++)
            {
                Check(array[index], rule, $"{path}/{index}", faults);
            }
        }
    }

    private static void CheckType(JsonNode? value, JsonNode rule, string path, List<string> faults)
    {
        var names = rule is JsonArray several ? [.. several.Select(item => item.Text())] : new[] { rule.Text() };
        var kind = value?.GetValueKind() ?? JsonValueKind.Null;
        var fits = names.Any(name => name switch
        {
            "object" => kind == JsonValueKind.Object,
            "array" => kind == JsonValueKind.Array,
            "string" => kind == JsonValueKind.String,
            "boolean" => kind is JsonValueKind.True or JsonValueKind.False,
            "null" => kind == JsonValueKind.Null,
            "number" => kind == JsonValueKind.Number,
            "integer" => kind == JsonValueKind.Number && double.IsInteger(NumberOf(value!)),
            _ => throw new FormatException($"The schema has the type {name}."),
        });
        Require(fits, path, $"is {kind}, not {string.Join(" or ", names)}", faults);
    }

    private JsonNode Resolve(string reference)
    {
        JsonNode node = root;
        foreach (var step in reference.Split('/').Skip(1))
        {
            node = node[step] ?? throw new FormatException($"The schema has no {reference}.");
        }

        return node;
    }

    private static double NumberOf(JsonNode node) => node.AsValue().Deserialize<double>();

    private static bool IsText(JsonNode? value) => value?.GetValueKind() == JsonValueKind.String;

    private static void Require(bool holds, string path, string fault, List<string> faults) =>
        Require(holds, path, () => fault, faults);

    private static void Require(bool holds, string path, Func<string> fault, List<string> faults)
    {
        if (!holds)
        {
            faults.Add($"{(path.Length == 0 ? "/" : path)} {fault()}");
        }
    }
}
