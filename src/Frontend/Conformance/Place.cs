using System.Globalization;

namespace MailCluster.Frontend.Conformance;

/// <summary>host:port, with an IPv6 address in brackets.</summary>
internal sealed record Place(string Host, int Port)
{
    public static Place? Parse(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon < 1
            || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port == 0)
        {
            return null;
        }

        var host = text[..colon];
        var isBracketed = host.StartsWith('[') && host.EndsWith(']');
        return host.Contains(':', StringComparison.Ordinal) && !isBracketed
            ? null
            : new Place(isBracketed ? host[1..^1] : host, port);
    }

    public override string ToString() =>
        Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
