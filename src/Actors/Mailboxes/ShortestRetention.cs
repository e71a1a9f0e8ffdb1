using MailCluster.Actors.Storage;
using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// The least time that any mailbox keeps its messages, as POP3 announces it before it knows the user (RFC 2449 §6.7): a
/// number that is ready when CAPA comes, read anew when limits change.
/// </summary>
public sealed class ShortestRetention
{
    private readonly IQuotaStore _store;
    private readonly RetentionOptions _options;
    private readonly ILogger _log;
    private int _days;

    public ShortestRetention(IQuotaStore store, RetentionOptions options, ILoggerFactory log)
    {
        _store = store;
        _options = options;
        _log = log.CreateLogger("MailCluster.Mailboxes");
        _days = options.PresetDays ?? 0;
        store.Changed += () => _ = LookAsync();
    }

    /// <summary>Null: no mailbox loses messages by age.</summary>
    public int? Days => Volatile.Read(ref _days) is > 0 and var days ? days : null;

    /// <summary>Once before the ports open; a store that cannot be asked leaves what was known.</summary>
    public async Task LookAsync()
    {
        try
        {
            var days = await _store.ShortestRetentionAsync(CancellationToken.None);
            Volatile.Write(ref _days, Math.Min(days ?? int.MaxValue, _options.PresetDays ?? int.MaxValue) is
                < int.MaxValue and var least ? least : 0);
        }
        catch (StoreUnavailableException failure)
        {
            MailboxLog.RetentionFailed(_log, failure);
        }
    }
}
