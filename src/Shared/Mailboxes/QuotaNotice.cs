using System.Globalization;
using System.Text;
using MailCluster.Shared.Smtp;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// The message that a mailbox gets when it is nearly full. Header fields of RFC 3834: made by a program, and nothing
/// for one to answer (null reverse-path, "Auto-Submitted: auto-generated", §5).
/// </summary>
public static class QuotaNotice
{
    private static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <param name="address">Of the mailbox; goes into UTF-8 (RFC 6532).</param>
    /// <param name="body">Its own number makes Message-ID: unique.</param>
    /// <param name="used">Octets, without this message.</param>
    /// <param name="storage">Octets.</param>
    public static byte[] Write(string address, BodyId body, long used, long storage, DateTimeOffset now)
    {
        var domain = address[(address.LastIndexOf('@') + 1)..];
        var percent = Percent(used, storage).ToString(CultureInfo.InvariantCulture);
        var text = $"""
            Return-Path: <>
            Date: {TraceHeaders.DateText(now)}
            From: <postmaster@{domain}>
            To: <{address}>
            Subject: Your mailbox is {percent} % full
            Message-ID: <quota.{body.Value:X}.{now.ToUnixTimeMilliseconds():X}@{domain}>
            Auto-Submitted: auto-generated
            MIME-Version: 1.0
            Content-Type: text/plain; charset=utf-8
            Content-Transfer-Encoding: 8bit

            The mailbox {address}
            holds {Size(used)} of the {Size(storage)} that it may hold ({percent} %).

            When it is full, new mail to it is refused. To make room, delete
            messages that you no longer need; it counts at once.

            """;
        return Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n"));
    }

    /// <summary>Rounded down: 100 is full.</summary>
    public static long Percent(long used, long storage) => storage == 0 ? 100 : (long)((Int128)used * 100 / storage);

    /// <summary>Powers of 1024, one digit behind the point: "512 octets", "1.5 GiB".</summary>
    public static string Size(long octets)
    {
        if (octets < 1024)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{octets} octets");
        }

        var size = octets / 1024.0;
        var unit = 0;
        while (size >= 1024)
        {
            size /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{size:0.#} {Units[unit]}");
    }
}
