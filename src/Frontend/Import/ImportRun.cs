using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using MailCluster.Frontend.Admin;
using MailCluster.Frontend.Commands;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Frontend.Import;

/// <summary>
/// Sends a source's messages to a node, in their order, some in each request. What the node cannot take now is sent
/// again after a while; the node knows by each message's key what it has, so that nothing comes twice.
/// </summary>
internal sealed class ImportRun(AdminClient client, TimeProvider time, ImportReport report)
{
    /// <summary>A request with so many octets has enough to make its commit cheap.</summary>
    private const long BatchOctets = 2 * 1024 * 1024;

    private static readonly TimeSpan WaitMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>Without any progress; a node that is started again takes less.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<SourceMessage> _batch = [];
    private long _octets;
    private bool _mayBeThere;

    // What an earlier run brought is the beginning of the source.
    private bool _asksWhatIsKnown = true;

    private string Path => $"mailboxes/{AdminClient.Escape(report.Mailbox)}/messages";

    /// <param name="progress">Is told how much of the source's total is done.</param>
    /// <exception cref="CommandException">The node refuses, or does not answer for a minute.</exception>
    public async Task RunAsync(IMessageSource source, Action<long> progress, CancellationToken cancellationToken)
    {
        foreach (var message in source.Read())
        {
            _batch.Add(message);
            _octets += message.Octets;
            if (_batch.Count == MessageUpload.MessagesMax || _octets >= BatchOctets)
            {
                await SendAllAsync(cancellationToken);
                progress(message.Progress);
            }
        }

        await SendAllAsync(cancellationToken);
        progress(source.Total);
    }

    /// <summary>Reads the source and sends nothing.</summary>
    public static void Count(IMessageSource source, ImportReport report)
    {
        foreach (var message in source.Read())
        {
            Add(report, message);
        }
    }

    private static void Add(ImportReport report, SourceMessage message)
    {
        report.Imported++;
        report.Octets += message.Octets;
        report.WithoutUniqueId += message.LacksUniqueId ? 1 : 0;
        report.WithoutFlags += message.LosesFlags ? 1 : 0;
    }

    private async Task SendAllAsync(CancellationToken cancellationToken)
    {
        var wait = WaitMin;
        var since = time.GetTimestamp();
        _mayBeThere = false;
        while (_batch.Count > 0)
        {
            var before = _batch.Count;
            CommandException? failure = null;
            try
            {
                if (_asksWhatIsKnown)
                {
                    await DropKnownAsync(cancellationToken);
                }

                await SendAsync(cancellationToken);
            }
            catch (CommandException temporary) when (temporary.MayPass)
            {
                failure = temporary;
                _mayBeThere = true;
            }

            if (_batch.Count < before)
            {
                wait = WaitMin;
                since = time.GetTimestamp();
                continue;
            }

            if (time.GetElapsedTime(since) > Patience)
            {
                throw new CommandException(
                    failure?.Code ?? ExitCode.NoNode,
                    $"{failure?.Message ?? "The node takes no messages now."}{Environment.NewLine}"
                        + "Begin the import again later: it goes on where it stopped.");
            }

            await Task.Delay(wait, time, cancellationToken);
            wait = wait * 2 < WaitMax ? wait * 2 : WaitMax;
        }

        _octets = 0;
    }

    /// <summary>Spares the sending of octets that would be dropped; the node does not rely on it.</summary>
    private async Task DropKnownAsync(CancellationToken cancellationToken)
    {
        var answer = await client.PostAsync(
            $"{Path}/known", new MessageKeys([.. _batch.Select(message => message.Key)]),
            AdminJson.Default.MessageKeys, AdminJson.Default.MessageKeys, cancellationToken);
        report.AlreadyThere += _batch.RemoveAll(message => answer.Keys.Contains(message.Key));
        _asksWhatIsKnown = answer.Keys.Count > 0;
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        using var content = new MultipartContent("mixed", $"mailcluster-{RandomNumberGenerator.GetHexString(32)}");
        List<SourceMessage> sent = [];
        foreach (var message in _batch)
        {
            if (TryOpen(message) is { } part)
            {
                content.Add(part);
                sent.Add(message);
            }
        }

        _batch.Clear();
        _batch.AddRange(sent);
        if (sent.Count == 0)
        {
            return;
        }

        var answer = await client.PostAsync(
            Path, content, _octets, AdminJson.Default.UploadAnswer, cancellationToken);
        for (var index = 0; index < answer.Results.Count; index++)
        {
            Take(sent[index], answer.Results[index]);
        }
    }

    private void Take(SourceMessage message, UploadResult result)
    {
        switch (result.Outcome)
        {
            case UploadOutcome.Stored:
            case UploadOutcome.AlreadyThere when _mayBeThere:
                Add(report, message);
                break;
            case UploadOutcome.AlreadyThere:
                report.AlreadyThere++;
                break;
            case UploadOutcome.Refused:
                report.Skip(message.Name, result.Reason ?? "The node refused it.");
                break;
            default:
                // Stays in the batch.
                return;
        }

        _batch.Remove(message);
    }

    /// <summary>Null: it is skipped, and the report says why.</summary>
    private StreamContent? TryOpen(SourceMessage message)
    {
        try
        {
            var part = new StreamContent(message.Open());
            part.Headers.ContentType = new MediaTypeHeaderValue("message/rfc822");
            part.Headers.Add(UploadHeaders.IdempotencyKey, message.Key);
            part.Headers.Add(
                UploadHeaders.InternalDate, message.Origin.InternalDate.ToString("O", CultureInfo.InvariantCulture));
            if (message.Origin.UniqueId is { } uniqueId)
            {
                part.Headers.TryAddWithoutValidation(UploadHeaders.UniqueId, uniqueId);
            }

            if (message.Origin.Flags != MessageAttributes.None)
            {
                part.Headers.Add(UploadHeaders.Flags, UploadHeaders.Write(message.Origin.Flags));
            }

            return part;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or SourceFault)
        {
            report.Skip(message.Name, fault.Message);
            return null;
        }
    }
}
