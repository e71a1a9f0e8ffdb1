using System.Text;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared;
using MailCluster.Shared.Smtp;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace MailCluster.Actors.Tests.Delivery;

/// <summary>The same actors on the thread pool over the real store, with a crash in between.</summary>
public sealed class SqliteDeliveryTests : IAsyncLifetime
{
    private static readonly byte[] Head = Encoding.ASCII.GetBytes("Subject: x\r\n\r\nhello\r\n");

    private readonly SqliteEngine _engine = new();
    private readonly QuietMeters _meters = new();
    private IMailStore _store = null!;
    private ActorSystem _system = null!;
    private Maildrops _maildrops = null!;
    private MessageAcceptor _acceptor = null!;

    public async ValueTask InitializeAsync() => await OpenAsync();

    [Fact]
    public async Task Concurrent_messages_for_overlapping_mailboxes_arrive_exactly_once_also_after_a_crash()
    {
        var mailboxes = new List<MailboxId>();
        foreach (var name in (string[])["alice", "bob", "carol", "dora"])
        {
            mailboxes.Add(await _store.AddUserAsync(name));
        }

        var expected = mailboxes.ToDictionary(mailbox => mailbox, _ => new List<BodyId>());
        for (var round = 0; round < 3; round++)
        {
            var verdicts = new List<Task<AcceptVerdict>>();
            for (var i = 0; i < 60; i++)
            {
                var to = mailboxes.Where((_, at) => ((i + round) & (1 << at)) != 0);
                to = [.. to.DefaultIfEmpty(mailboxes[0])];
                var body = _store.Bodies.NextId();
                verdicts.Add(AcceptAsync(body, [.. to]));
                foreach (var mailbox in to)
                {
                    expected[mailbox].Add(body);
                }
            }

            Assert.All(await Task.WhenAll(verdicts), verdict => Assert.Equal(AcceptVerdict.Committed, verdict));
            await RemoveFirstAsync(mailboxes[0], expected);
            await CrashAsync();
        }

        foreach (var mailbox in mailboxes)
        {
            var messages = (await _maildrops.OpenAsync(mailbox, CancellationToken.None))!.Messages;
            Assert.Equal(
                expected[mailbox].Select(body => body.Value).Order(),
                messages.Select(message => message.Body.Value).Order());
            Assert.Equal(messages.Select(message => message.Number.Value).Order().Distinct(),
                messages.Select(message => message.Number.Value));
        }
    }

    [Fact]
    public async Task A_removed_user_takes_no_mail_and_the_others_do()
    {
        var alice = await _store.AddUserAsync("alice");
        var bob = await _store.AddUserAsync("bob");
        Assert.Equal(AcceptVerdict.Committed, await AcceptAsync(_store.Bodies.NextId(), alice, bob));
        await _store.Directory.RemoveAccountAsync("bob", "example.test", CancellationToken.None);
        Assert.Equal(AcceptVerdict.Committed, await AcceptAsync(_store.Bodies.NextId(), alice, bob));
        Assert.Equal(AcceptVerdict.Unavailable, await AcceptAsync(_store.Bodies.NextId(), bob));
        Assert.Equal(2, (await _maildrops.OpenAsync(alice, CancellationToken.None))!.Messages.Length);
        Assert.Null(await _maildrops.OpenAsync(bob, CancellationToken.None));
    }

    [Fact]
    public async Task A_staged_body_is_accepted_with_its_head_and_a_discarded_one_cannot_be()
    {
        var alice = await _store.AddUserAsync("alice");
        var staging = new BodyStaging(_store.Bodies, _store.Committer);
        var chunk = new byte[BodyLayout.ChunkOctets];
        Assert.Equal(CommitOutcome.Committed, await staging.StageAsync(1, chunk, CancellationToken.None));
        Assert.Equal(
            CommitOutcome.Committed, await staging.StageAsync(2, chunk.AsMemory(0, 10), CancellationToken.None));
        var octets = Head.Length + chunk.Length + 10;
        var message = new AcceptedMessage(staging.Body, Head, octets, 2, (uint)octets, Envelopes.To(alice));
        Assert.Equal(AcceptVerdict.Committed, await AcceptAsync(message));

        var dropped = new BodyStaging(_store.Bodies, _store.Committer);
        Assert.Equal(CommitOutcome.Committed, await dropped.StageAsync(1, chunk, CancellationToken.None));
        dropped.Discard();
        message = message with { Body = dropped.Body, Octets = Head.Length + chunk.Length, Chunks = 1 };
        Assert.Equal(AcceptVerdict.Unavailable, await AcceptAsync(message));
        var entry = Assert.Single((await _maildrops.OpenAsync(alice, CancellationToken.None))!.Messages);
        Assert.Equal((staging.Body, (uint)octets), (entry.Body, entry.Octets));
    }

    [Fact]
    public async Task Directory_and_passwords_follow_the_changes_of_the_store()
    {
        await _store.AddUserAsync("alice");
        var options = new AccountOptions();
        var metrics = new AccountMetrics(_meters);
        using var directory = new AccountDirectory(_store.Directory, options, TimeProvider.System, metrics);
        using var verifier = new PasswordVerifier(directory, options, TimeProvider.System, metrics);
        await CheckAsync(false, "one");
        await SetPasswordAsync("one");
        await CheckAsync(true, "one");
        await SetPasswordAsync("two");
        await CheckAsync(false, "one");
        await CheckAsync(true, "two");
        await _store.Directory.SetSuspendedAsync("alice", "example.test", true, CancellationToken.None);
        await CheckAsync(false, "two");
        Assert.IsType<RecipientVerdict.Disabled>(
            await directory.ResolveAsync("Alice", "Example.TEST", CancellationToken.None));
        Assert.IsType<RecipientVerdict.Local>(await directory.ResolveAsync("postmaster", null, CancellationToken.None));

        async Task CheckAsync(bool isAccepted, string password)
        {
            var answer = await verifier.CheckAsync(new("", "alice@example.test", password), CancellationToken.None);
            Assert.Equal(isAccepted, answer is Shared.Sasl.SaslAnswer.PasswordAccepted);
        }

        async Task SetPasswordAsync(string password) => await _store.Directory.SetKeysAsync(
            "alice", "example.test", PasswordHasher.Hash(password, 4096), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _system.DisposeAsync();
        await _store.DisposeAsync();
        _engine.Dispose();
        _meters.Dispose();
    }

    private async Task OpenAsync()
    {
        _store = await _engine.OpenAsync(TimeProvider.System);
        _system = new ActorSystem(
            ThreadPoolScheduler.Instance,
            TimeProvider.System,
            new ActorSystemOptions(),
            NullLoggerFactory.Instance,
            _meters);
        var region = new MailboxRegion(
            _system,
            _store.Mailboxes,
            _store.Committer,
            new MailboxOptions(),
            new MailboxMetrics(_meters),
            NullLoggerFactory.Instance);
        _maildrops = new Maildrops(region);
        _acceptor = new MessageAcceptor(
            region,
            new Spool(
                _system, region, _store.Spool, new SpoolOptions(), new SpoolMetrics(_meters),
                NullLoggerFactory.Instance),
            _store.Bodies,
            new DeliveryOptions(),
            TimeProvider.System,
            new DeliveryMetrics(_meters),
            NullLoggerFactory.Instance);
    }

    private async Task CrashAsync()
    {
        _engine.Crash();
        await _system.DisposeAsync();
        await _store.DisposeAsync();
        await OpenAsync();
    }

    private Task<AcceptVerdict> AcceptAsync(BodyId body, params ReadOnlySpan<MailboxId> mailboxes)
    {
        var message = new AcceptedMessage(body, Head, Head.Length, 0, (uint)Head.Length, Envelopes.To(mailboxes));
        return AcceptAsync(message);
    }

    private Task<AcceptVerdict> AcceptAsync(AcceptedMessage message) =>
        _acceptor.AcceptAsync(message, TimeSpan.FromSeconds(30), CancellationToken.None).AsTask();

    private async Task RemoveFirstAsync(MailboxId mailbox, Dictionary<MailboxId, List<BodyId>> expected)
    {
        var first = (await _maildrops.OpenAsync(mailbox, CancellationToken.None))!.Messages[0];
        Assert.True(await _maildrops.DeleteAsync(mailbox, [first.Number], CancellationToken.None));
        Assert.True(expected[mailbox].Remove(first.Body));
    }
}
