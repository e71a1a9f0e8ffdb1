using MailCluster.Actors.Delivery;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using Microsoft.AspNetCore.WebUtilities;

namespace MailCluster.Frontend.Admin;

/// <summary>
/// Takes the messages of a request one after the other: each takes its place in the mailbox before the next is read,
/// and their commits run together.
/// </summary>
internal sealed class MessageUpload(IMailStore store, MessageImporter importer) : IDisposable
{
    /// <summary>Of one request: their heads stay in memory until they are committed, 4 MiB at the most.</summary>
    public const int MessagesMax = 64;

    /// <summary>Requests at once; more are refused with 429.</summary>
    public const int UploadsMax = 8;

    /// <summary>
    /// Of one request under way to another home: with those of all requests they fit into what may wait for a link.
    /// </summary>
    private const int ForwardedMax = 16;

    private readonly SemaphoreSlim _places = new(UploadsMax);

    /// <summary>Null: all places are taken.</summary>
    public IDisposable? TryEnter() => _places.Wait(0) ? new Place(_places) : null;

    public void Dispose() => _places.Dispose();

    public async Task<IReadOnlyList<string>> FindKnownAsync(
        MailboxId mailbox, IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        List<string> known = [];
        foreach (var key in keys)
        {
            if (await importer.LookAsync(mailbox, key, null, cancellationToken) == ImportVerdict.AlreadyThere)
            {
                known.Add(key);
            }
        }

        return known;
    }

    /// <summary>
    /// One result per message, in order; fewer when one could not be taken now, which leaves the rest for another time.
    /// </summary>
    /// <exception cref="InvalidDataException">It is no multipart content.</exception>
    public async Task<IReadOnlyList<UploadResult>> RunAsync(
        MailboxId mailbox, MultipartReader parts, CancellationToken cancellationToken)
    {
        List<Task<UploadResult>> results = [];
        var home = importer.HomeOf(mailbox);
        try
        {
            while (results.Count < MessagesMax && await parts.ReadNextSectionAsync(cancellationToken) is { } part)
            {
                results.Add(await TakeAsync(mailbox, home, part, cancellationToken));
                if (home is not null && results.Count % ForwardedMax == 0)
                {
                    await Task.WhenAll(results);
                }

                if (results.Any(static result => result is
                    { IsCompletedSuccessfully: true, Result.Outcome: UploadOutcome.Unavailable }))
                {
                    break;
                }
            }
        }
        finally
        {
            // A client that left does not stop what it has sent: its heads are read until their commits have ended.
            await Task.WhenAll(results);
        }

        return await Task.WhenAll(results);
    }

    /// <summary>The outer task: it is read and has its place. The inner: it is committed, or is not to be.</summary>
    private async Task<Task<UploadResult>> TakeAsync(
        MailboxId mailbox, NodePeer? home, MultipartSection part, CancellationToken cancellationToken)
    {
        if (UploadHeaders.Read(part, out var fault) is not { } headers)
        {
            return Task.FromResult(new UploadResult(UploadOutcome.Refused, fault));
        }

        var look = await importer.LookAsync(mailbox, headers.Key, headers.Origin.UniqueId, cancellationToken);
        if (look != ImportVerdict.Stored)
        {
            return Task.FromResult(UploadResult.Of(look));
        }

        var body = new UploadedBody(
            new BodyStaging(store.Bodies, store.Committer), importer.HeadOctetsMaxFor(home));
        var isHandedOver = false;
        try
        {
            if (!await body.TryReadAsync(part.Body, cancellationToken))
            {
                return Task.FromResult(body.Octets > UploadedBody.OctetsMax
                    ? new UploadResult(
                        UploadOutcome.Refused, $"A message has at most {UploadedBody.OctetsMax} octets.")
                    : new UploadResult(UploadOutcome.Unavailable));
            }

            isHandedOver = true;
            return ImportAsync(mailbox, home, headers, body);
        }
        finally
        {
            if (!isHandedOver)
            {
                body.Discard();
                body.Dispose();
            }
        }
    }

    private async Task<UploadResult> ImportAsync(
        MailboxId mailbox, NodePeer? home, UploadHeaders headers, UploadedBody body)
    {
        using (body)
        {
            var message = new ImportedMessage(
                mailbox, headers.Key, headers.Origin, body.Body, body.Head, (uint)body.Octets, body.Chunks,
                body.WireOctets);
            var verdict = await importer.ImportAsync(message, home);
            if (verdict != ImportVerdict.Stored)
            {
                // Of what was stored after all nothing is staged any more.
                body.Discard();
            }

            return UploadResult.Of(verdict);
        }
    }

    private sealed class Place(SemaphoreSlim places) : IDisposable
    {
        public void Dispose() => places.Release();
    }
}
