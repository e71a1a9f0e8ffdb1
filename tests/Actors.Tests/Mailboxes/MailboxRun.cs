using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Tests.Delivery;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using MailCluster.Testing.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>Mailboxes over a simulated store, all in virtual time under one seed.</summary>
internal sealed class MailboxRun : IDisposable
{
    public static readonly MailboxId Alice = new(1);
    public static readonly MailboxId Bob = new(2);
    public static readonly MailboxId Carol = new(3);

    public static readonly MailboxId[] All = [Alice, Bob, Carol];

    private readonly QuietMeters _meters = new();
    private readonly MailboxOptions _options;
    private readonly SpoolOptions _spoolOptions;

    public MailboxRun(ulong seed = 1, MailboxOptions? options = null, SpoolOptions? spoolOptions = null)
    {
        _options = options ?? new MailboxOptions();
        _spoolOptions = spoolOptions ?? new SpoolOptions();
        Scheduler = new SeededScheduler(seed);
        Store = new SimulatedMailDatabase(Scheduler);
        Store.Add(Alice);
        Store.Add(Bob);
        Store.Add(Carol);
        Quotas = new SimulatedQuotas(Store);
        Start();
    }

    public SeededScheduler Scheduler { get; }

    public SimulatedMailDatabase Store { get; }

    public SimulatedQuotas Quotas { get; }

    public uint MessageOctets { get; set; } = 100;

    public MailboxRegion Region { get; private set; }

    public Maildrops Maildrops { get; private set; }

    public MessageAcceptor Acceptor { get; private set; }

    public Spool Spool { get; private set; }

    public MessageImporter Importer { get; private set; }

    public BodyId LastBody { get; private set; }

    /// <summary>A new process on the same store; of the one before nothing is written any more.</summary>
    [MemberNotNull(nameof(Region), nameof(Maildrops), nameof(Spool), nameof(Acceptor), nameof(Importer))]
    public void Start()
    {
        var system = new ActorSystem(
            Scheduler, Scheduler.Time, new ActorSystemOptions(), NullLoggerFactory.Instance, _meters);
        Region = new MailboxRegion(
            system,
            Store,
            Store.NewCommitter(),
            _options,
            new MailboxMetrics(_meters),
            NullLoggerFactory.Instance,
            new QuotaNotices(
                new MailboxQuotas(Quotas, new QuotaPolicy(), Scheduler.Time, new QuotaMetrics(_meters)),
                Store,
                new QuotaMetrics(_meters)));
        Maildrops = new Maildrops(Region);
        Spool = new Spool(
            system, Region, Store.Spool, _spoolOptions, new SpoolMetrics(_meters), NullLoggerFactory.Instance);
        Acceptor = new MessageAcceptor(
            Region,
            Spool,
            Store,
            new DeliveryOptions(),
            Scheduler.Time,
            new DeliveryMetrics(_meters),
            NullLoggerFactory.Instance);
        Importer = new MessageImporter(
            Region, Store, new DeliveryOptions(), Scheduler.Time, new DeliveryMetrics(_meters));
    }

    public Task<AcceptVerdict> DeliverAsync(params ReadOnlySpan<MailboxId> mailboxes) =>
        AcceptAsync(TimeSpan.FromSeconds(30), CancellationToken.None, mailboxes);

    public Task<AcceptVerdict> AcceptAsync(
        TimeSpan acknowledgementDelay, CancellationToken hurry, params ReadOnlySpan<MailboxId> mailboxes)
    {
        LastBody = Store.NextId();
        var message = new AcceptedMessage(
            LastBody, new byte[100], MessageOctets, 0, MessageOctets + 3, Envelopes.To(mailboxes));
        return Acceptor.AcceptAsync(message, acknowledgementDelay, hurry).AsTask();
    }

    public Task<ImportVerdict> ImportAsync(string key, string? uniqueId = null) =>
        Importer.ImportAsync(new ImportedMessage(
            Alice, key, new MessageOrigin(DateTimeOffset.UnixEpoch, MessageAttributes.Seen, uniqueId), Store.NextId(),
            new byte[100], 100, 0, 103), home: null);

    public Task<MaildropSnapshot?> OpenAsync(MailboxId mailbox) =>
        Maildrops.OpenAsync(mailbox, CancellationToken.None).AsTask();

    public Task<bool> DeleteAsync(MailboxId mailbox, params ReadOnlySpan<MessageNumber> numbers) =>
        Maildrops.DeleteAsync(mailbox, [.. numbers], CancellationToken.None).AsTask();

    /// <summary>Removes the first message. False when that did not happen, for whatever reason.</summary>
    public async Task<bool> DeleteOrFailAsync(MailboxId mailbox)
    {
        try
        {
            return await DeleteAsync(mailbox, new MessageNumber(Store.Rows(mailbox)[0].Number));
        }
        catch (AskFailedException)
        {
            return false;
        }
    }

    public Task<int> SweepAsync(int presetDays) => new RetentionSweep(
        Quotas, Store.NewCommitter(), Maildrops,
        new RetentionOptions { PresetDays = presetDays, PageMailboxes = 2, BatchMessages = 3 },
        Scheduler.Time, new QuotaMetrics(_meters), NullLoggerFactory.Instance)
        .SweepAsync(CancellationToken.None);

    public Task WaitAsync(TimeSpan time) => Task.Delay(time, Scheduler.Time);

    public void Dispose() => _meters.Dispose();

    public static ImmutableArray<long> Numbers(MaildropSnapshot? snapshot) =>
        [.. snapshot!.Messages.Select(message => message.Number.Value)];
}
