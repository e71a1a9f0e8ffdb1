using System.Globalization;
using MailCluster.Shared.Mailboxes;
using Microsoft.AspNetCore.WebUtilities;

namespace MailCluster.Frontend.Admin;

/// <summary>What stands before each message of an upload.</summary>
internal sealed record UploadHeaders(string Key, MessageOrigin Origin)
{
    /// <summary>1 to 64 characters 0x21 to 0x7E that name the message at its source. Required.</summary>
    public const string IdempotencyKey = "Idempotency-Key";

    /// <summary>A date and time of RFC 3339. Required.</summary>
    public const string InternalDate = "Internal-Date";

    /// <summary>The POP3 unique-id that it had elsewhere (RFC 1939 §7).</summary>
    public const string UniqueId = "Unique-Id";

    /// <summary>System flags of RFC 9051 §2.3.2 without their backslash, spaces between.</summary>
    public const string Flags = "Flags";

    private const int KeyLengthMax = 64;

    /// <summary>Null with the fault when they cannot be used.</summary>
    public static UploadHeaders? Read(MultipartSection part, out string fault)
    {
        var key = Of(part, IdempotencyKey);
        var uniqueId = Of(part, UniqueId);
        fault = "";
        if (key is not { Length: > 0 and <= KeyLengthMax } || key.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            fault = $"{IdempotencyKey} is 1 to {KeyLengthMax} visible characters.";
        }
        else if (uniqueId is not null && !ForeignUniqueId.IsValid(uniqueId))
        {
            fault = $"{UniqueId} is 1 to {ForeignUniqueId.OctetsMax} visible characters (RFC 1939 §7).";
        }

        if (!DateTimeOffset.TryParse(
            Of(part, InternalDate), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date))
        {
            fault = $"{InternalDate} is a date and time of RFC 3339.";
        }

        if (!TryReadFlags(Of(part, Flags) ?? "", out var flags))
        {
            fault = $"{Flags} has one or more of seen, answered, flagged, deleted and draft.";
        }

        return fault.Length == 0 ? new UploadHeaders(key!, new MessageOrigin(date, flags, uniqueId)) : null;
    }

    public static string Write(MessageAttributes flags) =>
        flags.ToString().Replace(",", "", StringComparison.Ordinal).ToLowerInvariant();

    private static bool TryReadFlags(string text, out MessageAttributes flags)
    {
        flags = MessageAttributes.None;
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!char.IsAsciiLetter(word[0]) || !Enum.TryParse<MessageAttributes>(word, true, out var flag))
            {
                return false;
            }

            flags |= flag;
        }

        return true;
    }

    private static string? Of(MultipartSection part, string name) =>
        part.Headers is { } headers && headers.TryGetValue(name, out var value) ? value.ToString() : null;
}
