using System.Collections.Immutable;
using System.Globalization;
using System.Net;

namespace MailCluster.Frontend.Options;

/// <summary>How values are spelled: each pair reads what the other writes.</summary>
internal static class OptionText
{
    private static readonly string[] DurationFormats = [@"hh\:mm\:ss", @"hh\:mm\:ss\.FFFFFFF", @"d\.hh\:mm\:ss"];

    /// <summary>hh:mm:ss, hh:mm:ss.f or d.hh:mm:ss; nothing shorter, since "5" could be seconds or days.</summary>
    public static bool TryDuration(string text, out TimeSpan value) =>
        TimeSpan.TryParseExact(text, DurationFormats, CultureInfo.InvariantCulture, out value);

    public static string Write(TimeSpan value) => value.ToString("c", CultureInfo.InvariantCulture);

    public static string Write(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Write<T>(ImmutableArray<T> values) =>
        values.IsEmpty ? "[]" : $"[{string.Join(", ", values.Select(value => $"\"{value}\""))}]";

    /// <summary>"127.0.0.1:2525,[::1]:2525". Port 0 lets the system choose; the ready file then says which.</summary>
    public static bool TryEndpoints(string text, out ImmutableArray<IPEndPoint> value)
    {
        var endpoints = ImmutableArray.CreateBuilder<IPEndPoint>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!TryEndpoint(part, out var endpoint) || endpoints.Contains(endpoint))
            {
                value = [];
                return false;
            }

            endpoints.Add(endpoint);
        }

        value = endpoints.ToImmutable();
        return true;
    }

    /// <summary>A host name or address and a port from 1 on; IPv6 in brackets.</summary>
    public static bool TryHostAndPort(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = colon > 0 ? text[..colon] : "";
        port = 0;
        return host.Length > 0
            && (host[0] == '[' ? host[^1] == ']' && IPAddress.TryParse(host[1..^1], out _)
                : Uri.CheckHostName(host) is UriHostNameType.Dns or UriHostNameType.IPv4)
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port is > 0 and <= ushort.MaxValue;
    }

    public static string Write(ImmutableArray<IPEndPoint> value) => string.Join(',', value);

    /// <summary>
    /// A CIDR, or an address for itself alone. Host bits must be zero, so that a slip does not pass for a range.
    /// </summary>
    public static bool TryNetwork(string text, out IPNetwork value)
    {
        if (IPNetwork.TryParse(text, out value))
        {
            return IPAddress.TryParse(text.AsSpan(0, text.IndexOf('/', StringComparison.Ordinal)), out var prefix)
                && prefix.Equals(value.BaseAddress);
        }

        if (!text.Contains('/') && IPAddress.TryParse(text, out var address))
        {
            value = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }

        return false;
    }

    private static bool TryEndpoint(string text, out IPEndPoint endpoint)
    {
        endpoint = new IPEndPoint(IPAddress.None, 0);
        var colon = text.LastIndexOf(':');
        if (colon <= 0)
        {
            return false;
        }

        var host = text.AsSpan(0, colon);
        var bracketed = host is ['[', .., ']'];
        if (host.Contains(':') != bracketed
            || !IPAddress.TryParse(bracketed ? host[1..^1] : host, out var address)
            || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return false;
        }

        endpoint = new IPEndPoint(address, port);
        return true;
    }
}
