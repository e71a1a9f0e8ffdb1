using MailCluster.Actors.Accounts;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Storage;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Actors.Tests.Accounts;

public sealed class AccountDirectoryTests : IDisposable
{
    private const string Domain = "example.test";

    private readonly QuietMeters _meters = new();
    private readonly SeededScheduler _scheduler = new(1);
    private readonly ListedDirectory _store = new();
    private readonly AccountDirectory _directory;
    private readonly AccountRecord _alice;
    private readonly AccountRecord _bob;
    private readonly AccountRecord _postmaster;

    public AccountDirectoryTests()
    {
        _store.AddDomain(Domain);
        _postmaster = _store.Put("postmaster", Domain);
        _alice = _store.Put("alice", Domain);
        _bob = _store.Put("bob", Domain);
        _directory = new AccountDirectory(_store, new AccountOptions(), _scheduler.Time, new AccountMetrics(_meters));
    }

    [Theory]
    [InlineData("alice", Domain)]
    [InlineData("ALICE", "EXAMPLE.Test")]
    [InlineData("alice+news", Domain)]
    [InlineData("Alice+a+b", Domain)]
    public async Task A_user_is_found_in_any_case_and_with_a_tag(string localPart, string domain) =>
        await LeadsToAsync(localPart, domain, _alice);

    [Fact]
    public async Task A_name_that_has_a_plus_itself_goes_before_the_tag()
    {
        var tagged = _store.Put("alice+news", Domain);
        await LeadsToAsync("alice+news", Domain, tagged);
    }

    [Theory]
    [InlineData("nobody", Domain, typeof(RecipientVerdict.Unknown))]
    [InlineData("+alice", Domain, typeof(RecipientVerdict.Unknown))]
    [InlineData("alice", "elsewhere.test", typeof(RecipientVerdict.NotLocal))]
    [InlineData("alice", "[127.0.0.1]", typeof(RecipientVerdict.NotLocal))]
    [InlineData("alice", null, typeof(RecipientVerdict.Unknown))]
    public async Task Others_are_unknown_or_not_local(string localPart, string? domain, Type verdict) =>
        Assert.IsType(verdict, await ResolveAsync(localPart, domain));

    [Fact]
    public async Task A_suspended_user_is_disabled_alone_and_left_out_of_an_alias()
    {
        _store.Put("bob", Domain, suspended: true);
        _store.Alias("team", Domain, "alice@example.test", "bob@example.test");
        _store.Alias("bobs", Domain, "bob@example.test");
        Assert.IsType<RecipientVerdict.Disabled>(await ResolveAsync("bob"));
        Assert.IsType<RecipientVerdict.Disabled>(await ResolveAsync("bobs"));
        await LeadsToAsync("team", Domain, _alice);
    }

    [Fact]
    public async Task Aliases_of_aliases_give_every_mailbox_once()
    {
        _store.Alias("all", Domain, "team@example.test", "alice@example.test", "gone@example.test", "x@elsewhere.test");
        _store.Alias("team", Domain, "Bob@Example.test", "alice+t@example.test");
        await LeadsToAsync("all", Domain, _alice, _bob);
    }

    [Fact]
    public async Task A_loop_of_aliases_ends()
    {
        _store.Alias("a", Domain, "b@example.test", "alice@example.test");
        _store.Alias("b", Domain, "a@example.test");
        _store.Alias("c", Domain, "d@example.test");
        _store.Alias("d", Domain, "c@example.test");
        await LeadsToAsync("a", Domain, _alice);
        Assert.IsType<RecipientVerdict.Unknown>(await ResolveAsync("c"));
    }

    [Fact]
    public async Task An_alias_goes_before_the_user_of_its_name_and_may_include_him()
    {
        _store.Alias("alice", Domain, "alice@example.test", "bob@example.test");
        await LeadsToAsync("alice", Domain, _alice, _bob);
        _store.Alias("alice", Domain, "bob@example.test");
        await LeadsToAsync("alice", Domain, _bob);
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public async Task Aliases_are_followed_ten_deep(int depth, bool isFound)
    {
        for (var i = 1; i < depth; i++)
        {
            _store.Alias($"a{i}", Domain, $"a{i + 1}@example.test");
        }

        _store.Alias($"a{depth}", Domain, "alice@example.test");
        Assert.Equal(isFound, await ResolveAsync("a1") is RecipientVerdict.Local);
        Assert.Equal(!isFound, await ResolveAsync("a1") is RecipientVerdict.Unavailable);
    }

    [Theory]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    public async Task An_alias_has_at_most_a_thousand_targets(int targets, bool isFound)
    {
        _store.Alias("many", Domain, [.. Enumerable.Range(0, targets).Select(i => $"alice+{i}@example.test")]);
        Assert.Equal(isFound, await ResolveAsync("many") is RecipientVerdict.Local);
        Assert.Equal(!isFound, await ResolveAsync("many") is RecipientVerdict.Unavailable);
    }

    [Fact]
    public async Task The_postmaster_is_always_accepted()
    {
        await LeadsToAsync("PostMaster", Domain, _postmaster);
        await LeadsToAsync("Postmaster", null, _postmaster);
        _store.Put("postmaster", Domain, suspended: true);
        await LeadsToAsync("postmaster", Domain, _postmaster);
        await LeadsToAsync("postmaster", null, _postmaster);

        _store.AddDomain("second.test");
        _store.TellChanged(string.Empty);
        await LeadsToAsync("postmaster", "second.test", _postmaster);
        _store.Alias("postmaster", Domain, "bob@example.test");
        await LeadsToAsync("postmaster", Domain, _bob);
        await LeadsToAsync("postmaster", null, _bob);
        _store.Alias("postmaster", Domain, "gone@example.test");
        await LeadsToAsync("postmaster", Domain, _postmaster);
    }

    [Fact]
    public async Task An_answer_is_remembered_and_the_absence_of_a_name_too()
    {
        await ResolveAsync("alice");
        await ResolveAsync("nobody");
        await ResolveAsync("alice", "elsewhere.test");
        var lookups = _store.Lookups;
        Assert.Same(await ResolveAsync("alice"), await ResolveAsync("ALICE"));
        await ResolveAsync("nobody");
        await ResolveAsync("alice", "elsewhere.test");
        Assert.Equal(lookups, _store.Lookups);

        _store.IsAway = true;
        await LeadsToAsync("alice", Domain, _alice);
        _scheduler.Advance(TimeSpan.FromSeconds(60));
        Assert.IsType<RecipientVerdict.Unavailable>(await ResolveAsync("alice"));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await _directory.FindLoginAsync("alice@example.test", CancellationToken.None));
    }

    [Fact]
    public async Task A_change_drops_what_was_remembered_of_its_domain()
    {
        Assert.IsType<RecipientVerdict.Unknown>(await ResolveAsync("carol"));
        var carol = _store.Put("carol", Domain);
        await LeadsToAsync("carol", Domain, carol);
        _store.Put("carol", Domain, suspended: true, tell: false);
        await LeadsToAsync("carol", Domain, carol);
        _store.TellChanged("other.test");
        await LeadsToAsync("carol", Domain, carol);
        _store.TellChanged("EXAMPLE.test");
        Assert.IsType<RecipientVerdict.Disabled>(await ResolveAsync("carol"));
    }

    [Fact]
    public async Task An_answer_from_before_a_change_is_not_remembered_after_it()
    {
        await ResolveAsync("bob");
        _store.Gate = new TaskCompletionSource();
        var before = ResolveAsync("carol").AsTask();
        var carol = _store.Put("carol", Domain);
        _store.Gate.SetResult();
        _store.Gate = null;
        Assert.IsType<RecipientVerdict.Unknown>(await before);
        await LeadsToAsync("carol", Domain, carol);
    }

    [Fact]
    public async Task What_is_remembered_is_bounded_and_what_is_used_stays()
    {
        using var small = new AccountDirectory(
            _store, new AccountOptions { NameCacheEntries = 20 }, _scheduler.Time, new AccountMetrics(_meters));
        await small.ResolveAsync("first", Domain, CancellationToken.None);
        for (var i = 0; i < 200; i++)
        {
            await small.ResolveAsync("alice", Domain, CancellationToken.None);
            await small.ResolveAsync($"nobody{i}", Domain, CancellationToken.None);
        }

        var lookups = _store.Lookups;
        await small.ResolveAsync("alice", Domain, CancellationToken.None);
        Assert.Equal(lookups, _store.Lookups);
        await small.ResolveAsync("first", Domain, CancellationToken.None);
        Assert.Equal(lookups + 2, _store.Lookups);
    }

    [Fact]
    public async Task A_login_is_a_full_address_or_a_bare_name_while_there_is_one_domain()
    {
        Assert.Equal(_alice.Id, (await LoginAsync("Alice@EXAMPLE.test"))!.Id);
        Assert.Equal(_alice.Id, (await LoginAsync("alice"))!.Id);
        Assert.Null(await LoginAsync("alice+tag@example.test"));
        Assert.Null(await LoginAsync("alice@elsewhere.test"));
        Assert.Null(await LoginAsync(string.Empty));
        Assert.Null(await LoginAsync(new string('a', 12_000) + "@example.test"));
        _store.AddDomain("second.test");
        _store.TellChanged("second.test");
        Assert.Null(await LoginAsync("alice"));
        Assert.Equal(_alice.Id, (await LoginAsync("alice@example.test"))!.Id);
    }

    public void Dispose()
    {
        _directory.Dispose();
        _meters.Dispose();
    }

    private ValueTask<RecipientVerdict> ResolveAsync(string localPart, string? domain = Domain) =>
        _directory.ResolveAsync(localPart, domain, CancellationToken.None);

    private ValueTask<AccountRecord?> LoginAsync(string user) =>
        _directory.FindLoginAsync(user, CancellationToken.None);

    private async Task LeadsToAsync(string localPart, string? domain, params AccountRecord[] accounts)
    {
        var local = Assert.IsType<RecipientVerdict.Local>(await ResolveAsync(localPart, domain));
        Assert.Equal(
            accounts.Select(account => account.Id.Mailbox.Value).Order(),
            local.Mailboxes.Select(mailbox => mailbox.Value).Order());
    }
}
