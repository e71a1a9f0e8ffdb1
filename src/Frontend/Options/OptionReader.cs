using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace MailCluster.Frontend.Options;

/// <summary>
/// Reads one section. Every call names a key with its kind, range, default and reason, so that the same line parses the
/// value, words the error and writes the documentation; what no call named is an unknown key.
/// </summary>
internal sealed class OptionReader(OptionNode? node, string path, string definitionPath, OptionReading reading)
{
    private readonly List<string> _known = [];

    private delegate bool TryRead<T>(string text, out T value);

    public bool IsSet(string key) => node is not null && node.Children.ContainsKey(key);

    public string Path(string key) => $"{path}:{key}";

    public void Fault(string key, string allowed) => reading.Faults.Add(new(Path(key), Find(key)?.Value, allowed));

    public void Advise(string key, string advice) => reading.Advice.Add($"{Path(key)}: {advice}");

    public int Number(string key, int preset, int min, int max, string why, string? presetText = null) =>
        Scalar(key, "number", $"a whole number from {min} to {max}", preset, presetText ?? OptionText.Write(preset),
            why,
            (string text, out int value) => TryNumber(text, min, max, out value));

    /// <summary>A number or none: <c>null</c> in a file, <c>unlimited</c> anywhere.</summary>
    public int? Limit(string key, int? preset, int min, int max, string why, string? presetText = null) =>
        Scalar<int?>(key, "number", $"a whole number from {min} to {max}, or null (\"unlimited\") for no limit", preset,
            presetText ?? (preset is { } number ? OptionText.Write(number) : "null"), why,
            (string text, out int? value) =>
            {
                var ok = TryNumber(text, min, max, out var limit);
                value = limit;
                return ok;
            },
            nullable: true);

    public long Size(string key, long preset, long min, long max, string why) =>
        Scalar(key, "octets", $"a number of octets from {min} to {max}", preset, OptionText.Write(preset), why,
            (string text, out long value) => TrySize(text, min, max, out value));

    public long? SizeLimit(string key, long? preset, long min, long max, string why) =>
        Scalar<long?>(key, "octets", $"a number of octets from {min} to {max}, or null", preset,
            preset is { } octets ? OptionText.Write(octets) : "null", why,
            (string text, out long? value) =>
            {
                var ok = TrySize(text, min, max, out var size);
                value = size;
                return ok;
            },
            nullable: true);

    public TimeSpan Duration(
        string key, TimeSpan preset, TimeSpan min, TimeSpan max, string why, string? presetText = null) =>
        Scalar(key, "duration",
            $"\"hh:mm:ss\" or \"d.hh:mm:ss\" from {OptionText.Write(min)} to {OptionText.Write(max)}",
            preset, presetText ?? $"\"{OptionText.Write(preset)}\"", why,
            (string text, out TimeSpan value) => OptionText.TryDuration(text, out value) && value >= min
                && value <= max);

    public bool Flag(string key, bool preset, string why) =>
        Scalar(key, "flag", "true or false", preset, preset ? "true" : "false", why,
            (string text, out bool value) => bool.TryParse(text, out value));

    public string Text(string key, string preset, string why, string? presetText = null) =>
        Scalar(key, "text", "a text that is not empty", preset, presetText ?? $"\"{preset}\"", why,
            (string text, out string value) => (value = text).Trim().Length > 0);

    public string? OptionalText(string key, string why, string? preset = null) =>
        Scalar<string?>(key, "text", "a text, or null", preset, preset is null ? "null" : $"\"{preset}\"", why,
            (string text, out string? value) =>
            {
                value = text.Length == 0 ? null : text;
                return true;
            },
            nullable: true);

    public T Choice<T>(string key, T preset, string why)
        where T : struct, Enum =>
        Scalar(key, "choice", $"one of {string.Join(", ", Enum.GetNames<T>())}", preset, $"\"{preset}\"", why,
            (string text, out T value) => Enum.TryParse(text, ignoreCase: true, out value)
                && !char.IsAsciiDigit(text[0]));

    public ImmutableArray<IPEndPoint> Endpoints(string key, string preset, string why) =>
        Scalar(key, "endpoints", "\"address:port\", several separated by commas, none twice, IPv6 in brackets: "
            + "\"127.0.0.1:2525,[::1]:2525\"",
            OptionText.TryEndpoints(preset, out var endpoints) ? endpoints : [], $"\"{preset}\"", why,
            (string text, out ImmutableArray<IPEndPoint> value) => OptionText.TryEndpoints(text, out value));

    public ImmutableArray<string> Texts(string key, ImmutableArray<string> preset, string why) =>
        Values(key, "texts that are not empty", preset, OptionText.Write(preset), why,
            (string text, out string value) => (value = text).Trim().Length > 0) ?? [];

    /// <summary>A list or none; an empty list is not the same as none.</summary>
    public ImmutableArray<string>? OptionalTexts(string key, string why) =>
        Values(key, "texts that are not empty, or null", null, "null", why,
            (string text, out string value) => (value = text).Trim().Length > 0, nullable: true);

    public ImmutableArray<string> Words(
        string key, ImmutableArray<string> preset, ImmutableArray<string> allowed, string why) =>
        Values(key, $"of {string.Join(", ", allowed)}", preset, OptionText.Write(preset), why,
            (string text, out string value) =>
            {
                value = allowed.FirstOrDefault(word => word.Equals(text, StringComparison.OrdinalIgnoreCase), "");
                return value.Length > 0;
            }) ?? [];

    public ImmutableArray<IPNetwork> Networks(string key, ImmutableArray<IPNetwork> preset, string why) =>
        Values(key, "addresses or CIDRs with zero host bits, such as \"10.0.0.0/8\" or \"::1\"", preset,
            OptionText.Write(preset),
            why, (string text, out IPNetwork value) => OptionText.TryNetwork(text, out value)) ?? [];

    public T Section<T>(string key, string why, Func<OptionReader, T> read)
    {
        Know(key, "section", "the keys below", "see below", why);
        var child = Find(key);
        if (child is { IsNull: false, Value.Length: > 0 })
        {
            reading.Faults.Add(new(child.Path, child.Value, "a section in braces"));
            child = null;
        }

        return ReadInto(child, Path(key), Definition(key), read);
    }

    /// <param name="preset">Taken whole when the key is absent; a list that is given replaces it.</param>
    public ImmutableArray<T> Sections<T>(
        string key, string presetText, string why, ImmutableArray<T> preset, Func<OptionReader, T> read)
    {
        Know(key, "list", "a list of sections", presetText, why);
        if (reading.Describes)
        {
            ReadInto(null, Path(key), $"{Definition(key)}[]", read);
        }

        if (Find(key) is not { } list)
        {
            return preset;
        }

        if (list.Children.Count == 0)
        {
            // "[]" comes as an empty text.
            if (list.Value is not "")
            {
                reading.Faults.Add(new(list.Path, list.Value, "a list of sections in square brackets"));
            }

            return [];
        }

        var items = ImmutableArray.CreateBuilder<T>(list.Children.Count);
        foreach (var item in Ordered(list, "a list of sections in square brackets"))
        {
            items.Add(ReadInto(item, item.Path, $"{Definition(key)}[]", read));
        }

        return items.ToImmutable();
    }

    /// <summary>To be called when every key was named.</summary>
    public void End()
    {
        if (node is null)
        {
            return;
        }

        foreach (var (key, child) in node.Children)
        {
            if (!_known.Contains(key, StringComparer.OrdinalIgnoreCase))
            {
                reading.Faults.Add(new(child.Path, null, $"unknown key; known here: {string.Join(", ", _known)}"));
            }
        }
    }

    private static bool TryNumber(string text, int min, int max, out int value) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= min
            && value <= max;

    private static bool TrySize(string text, long min, long max, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= min
            && value <= max;

    private OptionNode? Find(string key) => node?.Children.GetValueOrDefault(key);

    private string Definition(string key) => definitionPath.Length == 0 ? key : $"{definitionPath}.{key}";

    private T ReadInto<T>(OptionNode? child, string childPath, string childDefinition, Func<OptionReader, T> read)
    {
        var reader = new OptionReader(child, childPath, childDefinition, reading);
        var value = read(reader);
        reader.End();
        return value;
    }

    private void Know(string key, string kind, string allowed, string preset, string why)
    {
        _known.Add(key);
        if (reading.Describes)
        {
            reading.Definitions.Add(new(Definition(key), kind, allowed, preset, why));
        }

        if (Find(key) is { } given)
        {
            reading.Given.Add((Definition(key), given.Path));
        }
    }

    private T Scalar<T>(
        string key, string kind, string allowed, T preset, string presetText, string why, TryRead<T> parse,
        bool nullable = false)
    {
        Know(key, kind, allowed, presetText, why);
        if (Find(key) is not { } given)
        {
            return preset;
        }

        if (given.IsNull || (nullable && "unlimited".Equals(given.Value, StringComparison.OrdinalIgnoreCase)))
        {
            if (!nullable)
            {
                reading.Faults.Add(new(given.Path, "null", allowed));
            }

            return nullable ? default! : preset;
        }

        if (given.Value is { } text && given.Children.Count == 0 && parse(text, out var value))
        {
            return value;
        }

        reading.Faults.Add(new(given.Path, given.Value ?? "(a section or list)", allowed));
        return preset;
    }

    private ImmutableArray<T>? Values<T>(
        string key, string allowed, ImmutableArray<T>? preset, string presetText, string why, TryRead<T> parse,
        bool nullable = false)
    {
        Know(key, "list", $"a list {(allowed.StartsWith("of ", StringComparison.Ordinal) ? allowed : "of " + allowed)}",
            presetText, why);
        if (Find(key) is not { } given)
        {
            return preset;
        }

        if (given.IsNull && nullable)
        {
            return null;
        }

        if (given.Children.Count == 0 && given.Value is not "")
        {
            reading.Faults.Add(new(given.Path, given.Value ?? "null", "a list in square brackets"));
            return preset;
        }

        var values = ImmutableArray.CreateBuilder<T>(given.Children.Count);
        foreach (var item in Ordered(given, "a list in square brackets"))
        {
            reading.Given.Add(($"{Definition(key)}[]", item.Path));
            if (item.Value is { } text && item.Children.Count == 0 && parse(text, out var value))
            {
                values.Add(value);
            }
            else
            {
                reading.Faults.Add(new(item.Path, item.Value ?? "null", allowed));
            }
        }

        return values.ToImmutable();
    }

    /// <summary>
    /// By index; the environment may name an element that the file does not have, but not skip one silently.
    /// </summary>
    private List<OptionNode> Ordered(OptionNode list, string allowed)
    {
        var items = new List<OptionNode>(list.Children.Count);
        for (var index = 0; items.Count < list.Children.Count; index++)
        {
            if (!list.Children.TryGetValue(index.ToString(CultureInfo.InvariantCulture), out var item))
            {
                reading.Faults.Add(
                    new(list.Path, string.Join(", ", list.Children.Keys),
                    $"{allowed}, numbered 0, 1, 2 … without a gap"));
                break;
            }

            items.Add(item);
        }

        return items;
    }
}
