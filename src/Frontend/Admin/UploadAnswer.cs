using System.ComponentModel;
using System.Text.Json.Serialization;
using MailCluster.Actors.Delivery;

namespace MailCluster.Frontend.Admin;

/// <summary>What became of one message of an upload.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<UploadOutcome>))]
public enum UploadOutcome
{
    /// <summary>Durable.</summary>
    [JsonStringEnumMemberName("stored")]
    Stored,

    [JsonStringEnumMemberName("alreadyThere")]
    AlreadyThere,

    /// <summary>The same request would be refused again.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,

    /// <summary>The same request may succeed later.</summary>
    [JsonStringEnumMemberName("unavailable")]
    Unavailable,
}

public sealed record UploadResult(
    UploadOutcome Outcome, [property: Description("Why it was refused")] string? Reason = null)
{
    internal static UploadResult Of(ImportVerdict verdict) => verdict switch
    {
        ImportVerdict.Stored => new(UploadOutcome.Stored),
        ImportVerdict.AlreadyThere => new(UploadOutcome.AlreadyThere),
        ImportVerdict.UniqueIdTaken => new(
            UploadOutcome.Refused, "Another message of the mailbox has, or had, the same unique-id."),
        _ => new(UploadOutcome.Unavailable),
    };
}

/// <param name="Keys">As of the header Idempotency-Key.</param>
public sealed record MessageKeys(IReadOnlyList<string> Keys);

public sealed record UploadAnswer(IReadOnlyList<UploadResult> Results);
