using System.Net;
using System.Text.Json;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>What "mailcluster serve --ready-file" writes: the process, and where each binding listens.</summary>
internal sealed record ReadyFile(int ProcessId, Target Target)
{
    /// <summary>Null: it is not there, or is being written.</summary>
    public static ReadyFile? TryRead(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(path));
            var root = document.RootElement;
            var places = new Dictionary<string, IPEndPoint>(StringComparer.Ordinal);
            foreach (var listener in root.GetProperty("listeners").EnumerateObject())
            {
                var endpoints = listener.Value.EnumerateArray().Select(place => IPEndPoint.Parse(place.GetString()!));
                // IPv4 first: sources are loopback addresses of IPv4.
                places[listener.Name] = endpoints.OrderBy(place => place.AddressFamily).First();
            }

            var http = places.GetValueOrDefault("http");
            return new ReadyFile(root.GetProperty("pid").GetInt32(), new Target
            {
                Smtp = places.GetValueOrDefault("gateway"),
                Submission = places.GetValueOrDefault("submission"),
                Submissions = places.GetValueOrDefault("submissions"),
                Pop3 = places.GetValueOrDefault("pop3"),
                Pop3s = places.GetValueOrDefault("pop3s"),
                Admin = http is null ? null : new Uri($"http://{http}"),
            });
        }
        catch (Exception exception) when (
            exception is IOException or JsonException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    public static ReadyFile Read(string path) => TryRead(path) ?? throw new LoadFaultException(
        $"{path} is no ready file of a node. Start the node with \"mailcluster serve --ready-file {path}\".");
}
