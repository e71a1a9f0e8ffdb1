using System.Globalization;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3;

/// <summary>Greeting and CAPA of a binding, rendered once for each case.</summary>
internal sealed class Pop3Announcements(Pop3SessionOptions options)
{
    private readonly Pop3Effect.Reply?[] _capabilities = new Pop3Effect.Reply?[6];

    /// <summary>Without a timestamp: there is no APOP (STANXPOP3-V0012).</summary>
    public Pop3Effect.Reply Greeting { get; } =
        new(new Pop3Reply(true, OneLine(options.Banner.Replace('<', '(').Replace('>', ')'))));

    /// <param name="channel">Of the connection.</param>
    /// <param name="isAuthenticated">In the TRANSACTION state.</param>
    /// <param name="shortestRetention">In days; null: nothing is removed by age.</param>
    public Pop3Effect.Reply Capabilities(SaslChannel channel, bool isAuthenticated, int? shortestRetention) =>
        shortestRetention is { } days
            ? new(Render(channel, isAuthenticated, days))
            : _capabilities[(2 * (int)channel) + (isAuthenticated ? 1 : 0)]
                ??= new(Render(channel, isAuthenticated, null));

    /// <summary>
    /// RFC 2449 §6. What a command brings comes from its row. EXPIRE NEVER: nothing is removed that was not marked
    /// (I5); with retention the least of all mailboxes, which is what the server promises to each of them (§6.7; USER
    /// before login: it may be more for some). LOGIN-DELAY 0: polling as often as one likes is no error. Otherwise the
    /// list is the same in both states but for IMPLEMENTATION (§6.9 allows that).
    /// </summary>
    private Pop3Reply Render(SaslChannel channel, bool isAuthenticated, int? shortestRetention)
    {
        var expire = shortestRetention is { } days
            ? string.Create(CultureInfo.InvariantCulture, $"EXPIRE {days}{(isAuthenticated ? "" : " USER")}")
            : "EXPIRE NEVER";
        var lines = new List<string>();
        foreach (var row in Pop3CommandTable.Rows)
        {
            if (row.Capability?.Invoke(options, channel) is { } line)
            {
                lines.Add(line);
            }
        }

        lines.AddRange(["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", expire, "LOGIN-DELAY 0"]);
        if (isAuthenticated && options.Implementation is { } implementation)
        {
            lines.Add("IMPLEMENTATION " + OneLine(implementation));
        }

        return Pop3Reply.MultiLine("Capability list follows", [.. lines]);
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
