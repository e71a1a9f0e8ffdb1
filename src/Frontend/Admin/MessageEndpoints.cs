using MailCluster.Actors.Storage;
using MailCluster.Frontend.Observability;
using MailCluster.Shared;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace MailCluster.Frontend.Admin;

/// <summary>Messages from other servers, in their order, each exactly once.</summary>
internal static class MessageEndpoints
{
    public const string MediaType = "multipart/mixed";

    public static void Map(RouteGroupBuilder admin)
    {
        admin.MapPost("/mailboxes/{address}/messages", UploadAsync).WithTags("Mailboxes").WithName("uploadMessages")
            .WithSummary("Puts messages of another server into a mailbox")
            .WithDescription(
                $"{MediaType} (RFC 2046 §5.1.3) of at most {MessageUpload.MessagesMax} messages of any size, which get their numbers in this order. Headers of a part: "
                + $"{UploadHeaders.IdempotencyKey} (required; names the message at its source: one that came before is not stored again, for 90 days), "
                + $"{UploadHeaders.InternalDate} (required; RFC 3339), {UploadHeaders.UniqueId} (its POP3 unique-id, kept to the letter), "
                + $"{UploadHeaders.Flags} (seen answered flagged deleted draft). Its octets are stored as they are; lines end in CRLF. "
                + "The answer has one result per part; what is unavailable, or has no result, is to be sent again.")
            .WithMetadata(new DisableRequestSizeLimitAttribute())
            .AddOpenApiOperationTransformer((operation, _, _) =>
            {
                // Not as metadata: routing would refuse other media types before the token is looked at.
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Content = new Dictionary<string, OpenApiMediaType> { [MediaType] = new() },
                };
                return Task.CompletedTask;
            })
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests);
        admin.MapPost("/mailboxes/{address}/messages/known", FindKnownAsync).WithTags("Mailboxes")
            .WithName("findKnownMessages").WithSummary("Which messages of a source were uploaded before")
            .WithDescription(
                $"At most {MessageUpload.MessagesMax} keys, as of uploadMessages; the answer has those that are known.")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static async Task<Results<Ok<UploadAnswer>, ProblemHttpResult>> UploadAsync(
        string address, HttpRequest request, IDirectoryStore directory, MessageUpload upload, ResourceWatch resources,
        CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 70 } boundary)
        {
            return AdminProblem.Of(
                StatusCodes.Status415UnsupportedMediaType, "The content type does not fit",
                $"Send {MediaType} with a boundary.");
        }

        if (await FindAsync(address, directory, cancellationToken) is not { } mailbox)
        {
            return AdminProblem.NotFound("mailbox", address);
        }

        if (resources.Why is { } shortage)
        {
            return AdminProblem.Of(
                StatusCodes.Status503ServiceUnavailable, "The node takes no messages now", shortage);
        }

        using var place = upload.TryEnter();
        if (place is null)
        {
            request.HttpContext.Response.Headers.RetryAfter = "1";
            return AdminProblem.Of(
                StatusCodes.Status429TooManyRequests, "Too many uploads",
                $"{MessageUpload.UploadsMax} are under way; try again.");
        }

        try
        {
            var results = await upload.RunAsync(
                mailbox, new MultipartReader(boundary.ToString(), request.Body), cancellationToken);
            return TypedResults.Ok(new UploadAnswer(results));
        }
        catch (Exception fault) when (fault is InvalidDataException or (IOException and not BadHttpRequestException))
        {
            // No multipart content, or its end is missing: what came whole before it is stored.
            return AdminProblem.Invalid("The content", fault.Message);
        }
    }

    private static async Task<Results<Ok<MessageKeys>, ProblemHttpResult>> FindKnownAsync(
        string address, MessageKeys asked, IDirectoryStore directory, MessageUpload upload,
        CancellationToken cancellationToken)
    {
        if (asked.Keys.Count > MessageUpload.MessagesMax)
        {
            return AdminProblem.Invalid("The list of keys", $"It has at most {MessageUpload.MessagesMax} keys.");
        }

        if (await FindAsync(address, directory, cancellationToken) is not { } mailbox)
        {
            return AdminProblem.NotFound("mailbox", address);
        }

        return TypedResults.Ok(new MessageKeys(await upload.FindKnownAsync(mailbox, asked.Keys, cancellationToken)));
    }

    private static async ValueTask<MailboxId?> FindAsync(
        string address, IDirectoryStore directory, CancellationToken cancellationToken) =>
        MailAddressText.TrySplit(address, out var localPart, out var domain, out _)
            ? (await directory.FindAccountAsync(localPart, domain, cancellationToken))?.Id.Mailbox
            : null;
}
