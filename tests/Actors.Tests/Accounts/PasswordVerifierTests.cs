using System.Collections.Immutable;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Tests.StoreConformance;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Actors.Tests.Accounts;

public sealed class PasswordVerifierTests : IDisposable
{
    private const string Domain = "example.test";
    private const string Alice = "alice@example.test";

    private static readonly ScramKeys Keys = PasswordHasher.Hash("secret", 4096);
    private static readonly ScramKeys OtherKeys = PasswordHasher.Hash("other", 4096);

    private readonly QuietMeters _meters = new();
    private readonly DerivationCount _derivations = new();
    private readonly SeededScheduler _scheduler = new(1);
    private readonly ListedDirectory _store = new();
    private readonly AccountDirectory _directory;
    private readonly PasswordVerifier _verifier;

    public PasswordVerifierTests()
    {
        _store.AddDomain(Domain);
        _store.Put("alice", Domain, Keys);
        var metrics = new AccountMetrics(_derivations);
        _directory = new AccountDirectory(_store, new AccountOptions(), _scheduler.Time, metrics);
        _verifier = new PasswordVerifier(_directory, new AccountOptions(), _scheduler.Time, metrics);
    }

    [Fact]
    public async Task The_right_password_is_accepted_and_derived_once()
    {
        var accepted = Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync(Alice, "secret"));
        Assert.Equal(Alice, accepted.Identity.Address);
        Assert.Equal(1, _derivations.Count);
        Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync("ALICE@example.test", "secret"));
        Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync("alice", "secret"));
        Assert.Equal(1, _derivations.Count);
        _scheduler.Advance(TimeSpan.FromMinutes(10));
        Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync(Alice, "secret"));
        Assert.Equal(2, _derivations.Count);
    }

    [Theory]
    [InlineData(Alice, "Secret")]
    [InlineData(Alice, "")]
    [InlineData("nobody@example.test", "secret")]
    [InlineData("alice@elsewhere.test", "secret")]
    public async Task Refusals_look_alike_and_are_never_remembered(string user, string password)
    {
        await CheckAsync(Alice, "secret");
        for (var i = 2; i <= 3; i++)
        {
            Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync(user, password));
            Assert.Equal(i, _derivations.Count);
        }
    }

    [Fact]
    public async Task A_user_who_is_suspended_or_has_no_password_is_refused_at_the_same_cost()
    {
        await CheckAsync(Alice, "secret");
        _store.Put("alice", Domain, Keys, suspended: true, version: 2);
        _store.Put("bob", Domain);
        Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync(Alice, "secret"));
        Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync("bob@example.test", ""));
        Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync("bob@example.test", "secret"));
        Assert.Equal(4, _derivations.Count);
        _store.Put("alice", Domain, Keys, version: 3);
        Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync(Alice, "secret"));
    }

    [Fact]
    public async Task After_a_change_the_old_password_is_refused_at_once()
    {
        await CheckAsync(Alice, "secret");
        _store.Put("alice", Domain, OtherKeys, version: 2);
        Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync(Alice, "secret"));
        Assert.IsType<SaslAnswer.PasswordAccepted>(await CheckAsync(Alice, "other"));
        _store.Remove(Alice);
        Assert.IsType<SaslAnswer.PasswordRefused>(await CheckAsync(Alice, "other"));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData(Alice, true)]
    [InlineData("Alice@Example.TEST", true)]
    [InlineData("bob@example.test", false)]
    public async Task Nobody_acts_for_another(string authorizationIdentity, bool isAccepted)
    {
        _store.Put("bob", Domain, OtherKeys);
        await CheckAsync(Alice, "secret");
        var answer = await _verifier.CheckAsync(new(authorizationIdentity, Alice, "secret"), CancellationToken.None);
        Assert.Equal(isAccepted, answer is SaslAnswer.PasswordAccepted);
        Assert.Equal(!isAccepted, answer is SaslAnswer.PasswordRefused);
    }

    [Fact]
    public async Task Keys_of_a_user_come_with_the_identity_and_those_of_a_suspended_one_without()
    {
        var real = await FindKeysAsync(Alice);
        Assert.Equal((Keys, Alice), (real.Value, real.Identity?.Address));
        _store.Put("alice", Domain, Keys, suspended: true, version: 2);
        var suspended = await FindKeysAsync(Alice);
        Assert.Equal(Keys, suspended.Value);
        Assert.Null(suspended.Identity);
    }

    /// <summary>Who it is has been shown elsewhere: no password of ours is needed, and none is derived.</summary>
    [Fact]
    public async Task An_account_is_found_by_its_address_alone_unless_it_is_suspended()
    {
        _store.Put("ann", Domain);
        _store.Put("sue", Domain, Keys, suspended: true);

        Assert.Equal(Alice, (await FindAccountAsync("ALICE@example.test"))!.Address);
        Assert.Equal("ann@example.test", (await FindAccountAsync("ann@example.test"))!.Address);
        Assert.Null(await FindAccountAsync("sue@example.test"));
        Assert.Null(await FindAccountAsync("nobody@example.test"));
        Assert.Null(await FindAccountAsync("alice@elsewhere.test"));
        Assert.Equal(0, _derivations.Count);
    }

    [Fact]
    public async Task Decoy_keys_have_the_shape_of_real_ones_and_are_the_same_for_the_same_name()
    {
        var decoy = await FindKeysAsync("nobody@example.test");
        Assert.Null(decoy.Identity);
        Assert.Equal(Shape(Keys), Shape(decoy.Value));
        Assert.True(Same(decoy.Value, (await FindKeysAsync("Nobody@example.test")).Value));
        Assert.False(Same(decoy.Value, (await FindKeysAsync("nobody2@example.test")).Value));
        using var later = new PasswordVerifier(
            _directory, new AccountOptions(), _scheduler.Time, new AccountMetrics(_meters));
        var other = (SaslAnswer.Keys)await later.FindKeysAsync(new("nobody@example.test"), CancellationToken.None);
        Assert.False(Same(decoy.Value, other.Value));
    }

    [Fact]
    public async Task Decoy_keys_are_the_same_on_nodes_that_share_a_secret()
    {
        var options = new AccountOptions { DecoySecret = [1, 2, 3] };
        using var one = new PasswordVerifier(_directory, options, _scheduler.Time, new AccountMetrics(_meters));
        using var two = new PasswordVerifier(_directory, options, _scheduler.Time, new AccountMetrics(_meters));

        var first = (SaslAnswer.Keys)await one.FindKeysAsync(new("nobody@example.test"), CancellationToken.None);
        var second = (SaslAnswer.Keys)await two.FindKeysAsync(new("nobody@example.test"), CancellationToken.None);

        Assert.True(Same(first.Value, second.Value));
    }

    [Fact]
    public async Task When_the_directory_is_away_nobody_is_refused()
    {
        _store.IsAway = true;
        Assert.IsType<SaslAnswer.Unavailable>(await CheckAsync(Alice, "secret"));
        Assert.IsType<SaslAnswer.Unavailable>(
            await _verifier.FindKeysAsync(new(Alice), CancellationToken.None));
        Assert.IsType<SaslAnswer.Unavailable>(
            await _verifier.FindAccountAsync(new(Alice), CancellationToken.None));
    }

    [Fact]
    public async Task More_derivations_than_may_wait_are_a_temporary_failure()
    {
        using var verifier = new PasswordVerifier(
            _directory,
            new AccountOptions { DerivationsMax = 1, DerivationQueueMax = 2 },
            _scheduler.Time,
            new AccountMetrics(_meters));
        var slow = PasswordHasher.Hash("slow", 400_000);
        _store.Put("slow", Domain, slow);
        var asks = Enumerable.Range(0, 8)
            .Select(_ => verifier.CheckAsync(new("", "slow@example.test", "wrong"), CancellationToken.None).AsTask())
            .ToArray();
        var answers = await Task.WhenAll(asks);
        Assert.InRange(answers.Count(answer => answer is SaslAnswer.PasswordRefused), 2, 3);
        Assert.InRange(answers.Count(answer => answer is SaslAnswer.Unavailable), 5, 6);
    }

    [Fact]
    public void Many_are_hashed_each_with_its_own_salt()
    {
        var progress = 0;
        var hashed = PasswordHasher.HashAll(
            [.. Enumerable.Range(0, 40).Select(i => ($"user{i}", "same"))],
            4096,
            made => InterlockedMax(ref progress, made),
            CancellationToken.None);
        Assert.Equal(40, progress);
        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"user{i}"), hashed.Select(user => user.LocalPart));
        Assert.Equal(40, hashed.Select(user => Convert.ToHexString(user.Keys!.Salt.AsSpan())).Distinct().Count());
        Assert.True(ScramSha256.Matches(hashed[39].Keys!, "same"));
        Assert.Throws<ArgumentOutOfRangeException>(() => PasswordHasher.Hash("x", 4095));
    }

    public void Dispose()
    {
        _verifier.Dispose();
        _directory.Dispose();
        _derivations.Dispose();
        _meters.Dispose();
    }

    private static void InterlockedMax(ref int target, int value)
    {
        var seen = Volatile.Read(ref target);
        while (seen < value)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen) is var now && now == seen ? value : now;
        }
    }

    private static (int Salt, int Iterations, int StoredKey, int ServerKey) Shape(ScramKeys keys) =>
        (keys.Salt.Length, keys.Iterations, keys.StoredKey.Length, keys.ServerKey.Length);

    private static bool Same(ScramKeys left, ScramKeys right) =>
        Same(left.Salt, right.Salt) && Same(left.StoredKey, right.StoredKey) && Same(left.ServerKey, right.ServerKey);

    private static bool Same(ImmutableArray<byte> left, ImmutableArray<byte> right) =>
        left.AsSpan().SequenceEqual(right.AsSpan());

    private ValueTask<SaslAnswer> CheckAsync(string user, string password) =>
        _verifier.CheckAsync(new(string.Empty, user, password), CancellationToken.None);

    private async Task<SaslIdentity?> FindAccountAsync(string address) =>
        ((SaslAnswer.Account)await _verifier.FindAccountAsync(new(address), CancellationToken.None)).Identity;

    private async Task<SaslAnswer.Keys> FindKeysAsync(string user) =>
        (SaslAnswer.Keys)await _verifier.FindKeysAsync(new(user), CancellationToken.None);
}
