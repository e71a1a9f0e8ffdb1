using System.Text;
using System.Text.RegularExpressions;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.Configuration;

namespace MailCluster.Deployment.Documents;

/// <summary>The program's own reading of a configuration that a deployment gives it.</summary>
internal static partial class ProgramOptions
{
    private const string Prefix = "MailCluster__";

    private static readonly HashSet<string> Known =
        [.. ConfigurationLoader.Describe().Select(definition => definition.Key)];

    /// <summary>Null: the program has no such key. MailCluster__Tls__Certificates__0__KeyFile is
    /// Tls.Certificates[].KeyFile.</summary>
    public static string? KeyOf(string variable)
    {
        if (!variable.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var key = Index().Replace(variable[Prefix.Length..], "[]").Replace("__", ".", StringComparison.Ordinal);
        return Known.Contains(key) ? key : null;
    }

    /// <summary>As <c>serve --config</c> reads it: the environment wins over the file.</summary>
    /// <exception cref="ConfigurationFaultException">What the program would refuse to start with.</exception>
    public static MailClusterOptions Load(string json, IEnumerable<KeyValuePair<string, string>> environment)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        var configuration = new ConfigurationBuilder().AddJsonStream(stream).AddInMemoryCollection(environment
            .Where(pair => pair.Key.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(pair => new KeyValuePair<string, string?>(
                pair.Key.Replace("__", ":", StringComparison.Ordinal), pair.Value))).Build();
        return ConfigurationLoader.Load(configuration, "mailcluster.json", null).Options;
    }

    /// <summary>Every port that the node opens, by the listener's name; that of the links is called so.</summary>
    public static IReadOnlyDictionary<string, int> Ports(this MailClusterOptions options)
    {
        var ports = new Dictionary<string, int>();
        foreach (var (_, name, endpoints) in options.Listeners)
        {
            ports[name == "cluster" ? "links" : name] = endpoints.Select(endpoint => endpoint.Port).Distinct().Single();
        }

        return ports;
    }

    [GeneratedRegex("__[0-9]+(?=__|$)")]
    private static partial Regex Index();
}
