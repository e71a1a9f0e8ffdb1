using System.Collections.Concurrent;
using System.Collections.Immutable;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Accounts;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of tenants, domains, users and aliases.</summary>
public abstract class DirectorySuite(IStoreEngine engine) : StoreSuite(engine)
{
    private static readonly ScramKeys Keys = new([1, 2, 3], 4096, [4, 5], [6, 7, 8]);

    private IDirectoryStore Directory => Store.Directory;

    [Fact]
    public async Task A_new_domain_has_a_postmaster_that_nobody_can_log_in_to()
    {
        Assert.Equal(DirectoryChange.Done, await Directory.AddDomainAsync("Demo", "Example.Test", Token));
        Assert.Equal(DirectoryChange.AlreadyExists, await Directory.AddDomainAsync("other", "EXAMPLE.test", Token));

        var domain = (await Directory.FindDomainAsync("eXAMPLE.tEST", Token))!;
        var postmaster = (await Directory.FindAccountAsync("PostMaster", "example.test", Token))!;
        Assert.Equal("Example.Test", domain.Name);
        Assert.Equal((domain.Id, domain.Tenant, null), (postmaster.Domain, postmaster.Tenant, postmaster.Keys));
        var image = await Store.Mailboxes.LoadAsync(postmaster.Id.Mailbox, Token);
        Assert.Equal((domain.Tenant, 1u), (image!.Tenant, image.Folders[0].UidValidity.Value));
    }

    [Fact]
    public async Task Domains_of_one_tenant_share_it_and_others_do_not()
    {
        await Directory.AddDomainAsync("Demo", "a.test", Token);
        await Directory.AddDomainAsync("demo", "b.test", Token);
        await Directory.AddDomainAsync("other", "c.test", Token);

        var domains = await Directory.ListDomainsAsync(null, 10, Token);

        Assert.Equal(["a.test", "b.test", "c.test"], domains.Select(domain => domain.Name));
        Assert.Equal(domains[0].Tenant, domains[1].Tenant);
        Assert.NotEqual(domains[0].Tenant, domains[2].Tenant);
    }

    [Fact]
    public async Task Users_are_added_once_and_those_that_exist_are_left_as_they_are()
    {
        await Directory.AddDomainAsync("demo", "example.test", Token);
        Assert.Equal(2, await Directory.AddAccountsAsync("example.test", [("Alice", Keys), ("bob", null)], Token));
        Assert.Equal(1, await Directory.AddAccountsAsync("Example.test", [("alice", null), ("carol", null)], Token));
        Assert.Equal(0, await Directory.AddAccountsAsync("nowhere.test", [("alice", null)], Token));

        var alice = (await Directory.FindAccountAsync("ALICE", "example.test", Token))!;
        Assert.Equal("Alice@example.test", alice.Address);
        Assert.Equal(Keys.Salt.AsEnumerable(), alice.Keys!.Salt);
        Assert.Equal(Keys.StoredKey.AsEnumerable(), alice.Keys.StoredKey);
        Assert.Equal(Keys.ServerKey.AsEnumerable(), alice.Keys.ServerKey);
        Assert.Equal((4096, false), (alice.Keys.Iterations, alice.Suspended));
        Assert.Null(await Directory.FindAccountAsync("alice", "other.test", Token));
    }

    [Fact]
    public async Task Each_change_of_password_or_state_raises_the_credential_version()
    {
        await Store.AddUserAsync();
        var first = (await Directory.FindAccountAsync("alice", "example.test", Token))!;

        Assert.Equal(DirectoryChange.Done, await Directory.SetKeysAsync("Alice", "example.test", Keys, Token));
        var second = (await Directory.FindAccountAsync("alice", "example.test", Token))!;
        Assert.Equal(DirectoryChange.Done, await Directory.SetSuspendedAsync("alice", "example.test", true, Token));
        var third = (await Directory.FindAccountAsync("alice", "example.test", Token))!;

        Assert.True(first.CredentialVersion < second.CredentialVersion
            && second.CredentialVersion < third.CredentialVersion);
        Assert.True(third.Suspended);
        Assert.Equal(DirectoryChange.NotFound, await Directory.SetKeysAsync("nobody", "example.test", Keys, Token));
        Assert.Equal(DirectoryChange.NotFound, await Directory.SetSuspendedAsync("alice", "other.test", true, Token));
    }

    [Fact]
    public async Task A_removed_user_takes_the_mailbox_along_and_the_number_is_not_given_again()
    {
        var alice = await Store.AddUserAsync();
        await Store.DeliverAsync(alice, 1);

        Assert.Equal(DirectoryChange.Done, await Directory.RemoveAccountAsync("alice", "example.test", Token));
        Assert.Equal(DirectoryChange.NotFound, await Directory.RemoveAccountAsync("alice", "example.test", Token));
        Assert.Null(await Store.Mailboxes.LoadAsync(alice, Token));
        Assert.Null(await Directory.TotalsAsync(alice, Token));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(StoreSteps.Removal(alice, 9, 1)));
        var again = await Store.AddUserAsync();

        Assert.True(again.Value > alice.Value);
        Assert.Empty(await Store.NumbersAsync(again));
    }

    [Fact]
    public async Task A_domain_with_users_is_kept_unless_they_go_too()
    {
        var alice = await Store.AddUserAsync();
        await Directory.AddAliasAsync("info", "example.test", ["alice@example.test"], Token);

        Assert.Equal(DirectoryChange.Conflict, await Directory.RemoveDomainAsync("example.test", false, Token));
        Assert.NotNull(await Store.Mailboxes.LoadAsync(alice, Token));
        Assert.Equal(DirectoryChange.Done, await Directory.RemoveDomainAsync("Example.test", true, Token));

        Assert.Null(await Directory.FindDomainAsync("example.test", Token));
        Assert.Null(await Directory.FindAccountAsync("alice", "example.test", Token));
        Assert.Null(await Directory.FindAliasAsync("info", "example.test", Token));
        Assert.Null(await Store.Mailboxes.LoadAsync(alice, Token));
        Assert.Equal(DirectoryChange.NotFound, await Directory.RemoveDomainAsync("example.test", true, Token));
    }

    [Fact]
    public async Task An_alias_keeps_its_targets_in_order_and_takes_no_name_of_a_user()
    {
        await Store.AddUserAsync();
        ImmutableArray<string> targets = ["bob@other.test", "alice@example.test"];

        Assert.Equal(DirectoryChange.Done, await Directory.AddAliasAsync("Team", "example.test", targets, Token));
        Assert.Equal(DirectoryChange.AlreadyExists,
            await Directory.AddAliasAsync("team", "example.test", targets, Token));
        Assert.Equal(DirectoryChange.AlreadyExists,
            await Directory.AddAliasAsync("ALICE", "example.test", ["b@c.test"], Token));
        Assert.Equal(DirectoryChange.Conflict,
            await Directory.AddAliasAsync("x", "example.test", ["X@Example.test"], Token));
        Assert.Equal(DirectoryChange.NotFound, await Directory.AddAliasAsync("x", "nowhere.test", targets, Token));
        Assert.Equal(0, await Directory.AddAccountsAsync("example.test", [("TEAM", null)], Token));

        var alias = (await Directory.FindAliasAsync("tEAM", "EXAMPLE.test", Token))!;
        Assert.Equal(("Team", "example.test"), (alias.LocalPart, alias.DomainName));
        Assert.Equal(targets.AsEnumerable(), alias.Targets);
        Assert.Equal(DirectoryChange.Done, await Directory.RemoveAliasAsync("team", "example.test", Token));
        Assert.Equal(DirectoryChange.NotFound, await Directory.RemoveAliasAsync("team", "example.test", Token));
    }

    [Fact]
    public async Task Lists_come_in_pages_in_the_order_of_names()
    {
        await Directory.AddDomainAsync("demo", "example.test", Token);
        await Directory.AddAccountsAsync("example.test", [("D", null), ("a", null), ("C", null), ("b", null)], Token);
        await Directory.AddAliasAsync("y", "example.test", ["a@example.test"], Token);
        await Directory.AddAliasAsync("x", "example.test", ["b@example.test"], Token);

        var first = await Directory.ListAccountsAsync("Example.test", null, 3, Token);
        var second = await Directory.ListAccountsAsync("example.test", first[^1].LocalPart, 3, Token);
        var aliases = await Directory.ListAliasesAsync("example.test", null, 3, Token);

        Assert.Equal(["a", "b", "C"], first.Select(account => account.LocalPart));
        Assert.Equal(["D", "postmaster"], second.Select(account => account.LocalPart));
        Assert.Equal(["x", "y"], aliases.Select(alias => alias.LocalPart));
        Assert.Equal(["b@example.test"], aliases[0].Targets);
    }

    [Fact]
    public async Task Changed_is_raised_for_what_changed_and_for_nothing_else()
    {
        var heard = new ConcurrentQueue<string>();
        Directory.Changed += heard.Enqueue;

        await Directory.AddDomainAsync("demo", "example.test", Token);
        await Directory.AddDomainAsync("demo", "example.test", Token);
        await Directory.AddAccountsAsync("example.test", [("alice", null)], Token);
        await Directory.AddAccountsAsync("example.test", [("alice", null)], Token);
        await Directory.SetSuspendedAsync("nobody", "example.test", true, Token);
        await Directory.SetKeysAsync("alice", "example.test", Keys, Token);

        Assert.Equal(Enumerable.Repeat("example.test", 3), heard);
    }

    [Fact]
    public async Task Changes_survive_a_crash()
    {
        var alice = await Store.AddUserAsync();
        await Directory.SetKeysAsync("alice", "example.test", Keys, Token);

        await CrashAsync();

        var account = (await Directory.FindAccountAsync("alice", "example.test", Token))!;
        Assert.Equal((alice, 4096), (account.Id.Mailbox, account.Keys!.Iterations));
    }

    [Fact]
    public async Task Ten_thousand_users_are_added_and_each_has_a_mailbox()
    {
        await Directory.AddDomainAsync("demo", "example.test", Token);

        var added = await Directory.AddAccountsAsync(
            "example.test", [.. Enumerable.Range(0, 10_000).Select(user => ($"user{user:D4}", (ScramKeys?)Keys))],
                Token);

        Assert.Equal(10_000, added);
        var last = (await Directory.FindAccountAsync("user9999", "example.test", Token))!;
        Assert.Equal(FolderId.Inbox,
            (await Store.Mailboxes.LoadAsync(last.Id.Mailbox, Token))!.Folders.Single().Folder);
    }

    [Fact]
    public async Task Totals_count_what_is_in_the_mailbox()
    {
        var alice = await Store.AddUserAsync();
        Assert.Equal(new MailboxTotals(0, 0, null, null), await Directory.TotalsAsync(alice, Token));
        await Store.DeliverAsync(alice, 1, "12345");
        await Store.DeliverAsync(alice, 2, "123");

        Assert.Equal(
            new MailboxTotals(2, 8, StoreSteps.Received, StoreSteps.Received),
                await Directory.TotalsAsync(alice, Token));
    }
}
