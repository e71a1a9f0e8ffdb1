using System.Globalization;
using System.Net;
using System.Text.Json;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>
/// Reads one JSON object key by key and remembers which were asked for: what is left over is unknown. Faults are
/// collected, so that all are said at once.
/// </summary>
internal sealed class ObjectReader
{
    private readonly List<string> _faults;
    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _members = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _known = new(StringComparer.Ordinal);

    public ObjectReader(JsonElement element, string path, List<string> faults)
    {
        _path = path;
        _faults = faults;
        if (element.ValueKind != JsonValueKind.Object)
        {
            Fault("", $"must be an object in braces, not {Say(element)}");
            return;
        }

        foreach (var member in element.EnumerateObject())
        {
            if (!_members.TryAdd(member.Name, member.Value))
            {
                Fault(member.Name, "stands twice");
            }
        }
    }

    public bool Has(string key)
    {
        _known.Add(key);
        return _members.ContainsKey(key);
    }

    /// <summary>The object of a key; null: it is not there, or is no object.</summary>
    public ObjectReader? Object(string key) =>
        Find(key) is { } element ? new ObjectReader(element, Path(key), _faults) : null;

    public IEnumerable<ObjectReader> Objects(string key)
    {
        if (Find(key) is not { } element)
        {
            yield break;
        }

        if (element.ValueKind != JsonValueKind.Array)
        {
            Fault(key, $"must be a list in brackets, not {Say(element)}");
            yield break;
        }

        var index = 0;
        foreach (var item in element.EnumerateArray())
        {
            yield return new ObjectReader(item, $"{Path(key)}[{index++}]", _faults);
        }
    }

    /// <summary>Rows of exactly two numbers.</summary>
    public IEnumerable<(double First, double Second)> Pairs(string key)
    {
        if (Find(key) is not { } element)
        {
            yield break;
        }

        var rows = element.ValueKind == JsonValueKind.Array ? element.EnumerateArray().ToArray() : [];
        foreach (var row in rows)
        {
            var numbers = row.ValueKind == JsonValueKind.Array ? row.EnumerateArray().ToArray() : [];
            if (numbers.Length != 2 || numbers.Any(number => number.ValueKind != JsonValueKind.Number))
            {
                Fault(key, $"each row must be two numbers, as [1024, 0.5], not {Say(row)}");
                yield break;
            }

            yield return (numbers[0].GetDouble(), numbers[1].GetDouble());
        }

        if (rows.Length == 0)
        {
            Fault(key, "must be a list of rows with two numbers, as [[1024, 0.5], [4096, 0.5]]");
        }
    }

    public string Text(string key, string otherwise)
    {
        if (Find(key) is not { } element)
        {
            return otherwise;
        }

        if (element.ValueKind == JsonValueKind.String && element.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        Fault(key, $"must be a text that is not empty, not {Say(element)}");
        return otherwise;
    }

    public double Number(string key, double otherwise, double least, double most)
    {
        if (Find(key) is not { } element)
        {
            return otherwise;
        }

        if (element.ValueKind == JsonValueKind.Number && element.GetDouble() is var number && number >= least
            && number <= most)
        {
            return number;
        }

        Fault(key, string.Create(
            CultureInfo.InvariantCulture, $"must be a number from {least} to {most}, not {Say(element)}"));
        return otherwise;
    }

    public int Whole(string key, int otherwise, int least, int most)
    {
        var number = Number(key, otherwise, least, most);
        if (number != Math.Floor(number))
        {
            Fault(key, "must be a whole number");
        }

        return (int)number;
    }

    public bool Flag(string key, bool otherwise)
    {
        if (Find(key) is not { } element)
        {
            return otherwise;
        }

        if (element.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            return element.GetBoolean();
        }

        Fault(key, $"must be true or false, not {Say(element)}");
        return otherwise;
    }

    public T Choice<T>(string key, T otherwise)
        where T : struct, Enum
    {
        var text = Text(key, "");
        if (text.Length == 0)
        {
            return otherwise;
        }

        var names = Enum.GetNames<T>();
        var index = Array.FindIndex(names, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (index >= 0)
        {
            return Enum.GetValues<T>()[index];
        }

        Fault(key, $"must be one of {string.Join(", ", names).ToLowerInvariant()}, not \"{text}\"");
        return otherwise;
    }

    public TimeSpan Duration(string key, TimeSpan? otherwise)
    {
        if (Find(key) is not { } element)
        {
            if (otherwise is null)
            {
                Fault(key, "must be given, as \"60s\"");
            }

            return otherwise ?? TimeSpan.FromSeconds(1);
        }

        if (element.ValueKind == JsonValueKind.String && DurationText.TryParse(element.GetString()!, out var duration))
        {
            return duration;
        }

        Fault(key, $"must be a duration from 1ms to 24h, as \"90s\", \"2m\" or \"500ms\", not {Say(element)}");
        return otherwise ?? TimeSpan.FromSeconds(1);
    }

    public IPEndPoint? Endpoint(string key)
    {
        var text = Text(key, "");
        if (text.Length == 0)
        {
            return null;
        }

        if (IPEndPoint.TryParse(text, out var endpoint) && endpoint.Port != 0)
        {
            return endpoint;
        }

        Fault(key, $"must be address:port, as \"127.0.0.1:2525\", not \"{text}\"");
        return null;
    }

    public IPAddress Address(string key, string otherwise)
    {
        var text = Text(key, otherwise);
        if (IPAddress.TryParse(text, out var address)
            && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork)
        {
            return address;
        }

        Fault(key, $"must be an IPv4 address, as \"{otherwise}\", not \"{text}\"");
        return IPAddress.Loopback;
    }

    public void Fault(string key, string text) => _faults.Add($"{Path(key)}: {text}.");

    /// <summary>Names what nobody asked for.</summary>
    public void End()
    {
        foreach (var key in _members.Keys.Where(key => !_known.Contains(key)))
        {
            _faults.Add($"{Path(key)}: there is no such key; here may stand {string.Join(", ", _known)}.");
        }
    }

    private JsonElement? Find(string key)
    {
        _known.Add(key);
        return _members.TryGetValue(key, out var element) && element.ValueKind != JsonValueKind.Null ? element : null;
    }

    private string Path(string key) => key.Length == 0 ? _path.Length == 0 ? "The scenario" : _path
        : _path.Length == 0 ? key : $"{_path}.{key}";

    private static string Say(JsonElement element)
    {
        var text = element.GetRawText();
        return text.Length <= 40 ? text : $"{text[..40]}...";
    }
}
