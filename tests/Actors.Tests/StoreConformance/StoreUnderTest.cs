using System.Collections.Immutable;
using System.Diagnostics.Metrics;
using System.Text;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>Makes stores of one engine; the suites know nothing else of it.</summary>
public interface IStoreEngine : IDisposable
{
    /// <summary>Opens the one database of this engine, anew or again.</summary>
    Task<IMailStore> OpenAsync(TimeProvider time);

    /// <summary>The database as a power loss would leave it now, for the next open.</summary>
    void Crash();

    /// <summary>Octets that the engine holds outside the managed heap.</summary>
    long NativeOctets { get; }

    /// <summary>Deletes what is due. Returns how many bodies went.</summary>
    Task<int> SweepAsync(IMailStore store);
}

/// <summary>A clock that tests move.</summary>
public sealed class MovedTime : TimeProvider
{
    private TimeSpan _by;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _by;

    public void Move(TimeSpan by) => _by += by;
}

/// <summary>Hands out meters that nobody listens to.</summary>
public sealed class QuietMeters : IMeterFactory
{
    private readonly List<Meter> _meters = [];

    public Meter Create(MeterOptions options)
    {
        var meter = new Meter(options);
        _meters.Add(meter);
        return meter;
    }

    public bool Owns(Meter meter) => _meters.Contains(meter);

    public void Dispose() => _meters.ForEach(meter => meter.Dispose());
}

/// <summary>What a mailbox actor does, in one line each.</summary>
public static class StoreSteps
{
    public static readonly DateTimeOffset Received = new(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);

    public static async Task<MailboxId> AddUserAsync(this IMailStore store, string localPart = "alice",
        string domain = "example.test")
    {
        await store.Directory.AddDomainAsync("demo", domain, CancellationToken.None);
        await store.Directory.AddAccountsAsync(domain, [(localPart, null)], CancellationToken.None);
        return (await store.Directory.FindAccountAsync(localPart, domain, CancellationToken.None))!.Id.Mailbox;
    }

    public static StoreOperation.InsertBody Body(this IMailStore store, string text)
    {
        var octets = Encoding.ASCII.GetBytes(text);
        return new StoreOperation.InsertBody(store.Bodies.NextId(), octets, octets.Length, 0);
    }

    public static StoreOperation.InsertMessage Message(
        MailboxId mailbox, long number, StoreOperation.InsertBody body, uint? uid = null, long? modSeq = null) => new(
            mailbox,
            FolderId.Inbox,
            new MessageNumber(number),
            new Uid(uid ?? (uint)number),
            new ModSeq(modSeq ?? number + 1),
            body.Body,
            (uint)body.Octets,
            (uint)body.Octets + 1,
            Received);

    public static StoreOperation.DeleteMessages Removal(MailboxId mailbox, long modSeq, params long[] numbers) => new(
        mailbox, FolderId.Inbox, [.. numbers.Select(number => new MessageNumber(number))], new ModSeq(modSeq));

    public static async Task<CommitOutcome> CommitAsync(this IMailStore store, params StoreOperation[] operations)
    {
        var unit = new CommitUnit(1);
        _ = unit.Contribute(store.Committer, null, operations);
        return await unit.Completion;
    }

    public static async Task<StoreOperation.InsertBody> DeliverAsync(
        this IMailStore store, MailboxId mailbox, long number, string text = "Subject: x\r\n\r\nhello\r\n",
        uint? uid = null, long? modSeq = null)
    {
        var body = store.Body(text);
        Assert.Equal(
            CommitOutcome.Committed, await store.CommitAsync(body, Message(mailbox, number, body, uid, modSeq)));
        return body;
    }

    public static async Task<ImmutableArray<MessageEntry>> InboxAsync(this IMailStore store, MailboxId mailbox) =>
        (await store.Mailboxes.LoadAsync(mailbox, CancellationToken.None))!.Inbox;

    public static async Task<long[]> NumbersAsync(this IMailStore store, MailboxId mailbox) =>
        [.. (await store.InboxAsync(mailbox)).Select(entry => entry.Number.Value)];

    public static async Task<string> TextAsync(this IMailStore store, BodyId body)
    {
        var buffer = new byte[4096];
        var read = await store.Bodies.ReadAsync(body, 0, buffer, CancellationToken.None);
        return Encoding.ASCII.GetString(buffer, 0, read);
    }
}
