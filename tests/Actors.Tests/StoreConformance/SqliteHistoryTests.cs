using System.Text.Json;
using MailCluster.Shared;
using MailCluster.Storage;
using MailCluster.Storage.Sqlite;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>A backup that is put back under the data directory (I4).</summary>
public sealed class SqliteHistoryTests : IDisposable
{
    private readonly SqliteEngine _engine = new();
    private readonly string _backup = Path.GetTempFileName();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string DatabasePath => Path.Combine(_engine.DataDirectory, "mailcluster.db");

    private string PositionPath => Path.Combine(_engine.DataDirectory, "store.position");

    public void Dispose()
    {
        _engine.Dispose();
        File.Delete(_backup);
    }

    [Fact]
    public async Task An_older_file_is_refused_until_the_restore_is_accepted_and_then_no_id_comes_again()
    {
        var alice = await FirstDayAsync();
        File.Copy(DatabasePath, _backup, overwrite: true);
        var given = await SecondDayAsync(alice);
        File.Copy(_backup, DatabasePath, overwrite: true);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));
        Assert.Contains("mailcluster store accept-restore", refused.Message, StringComparison.Ordinal);
        Assert.Contains(_engine.DataDirectory, refused.Message, StringComparison.Ordinal);
        Assert.Contains("lost commits", refused.Message, StringComparison.Ordinal);

        Assert.Equal(2, SqliteMailStore.AcceptRestore(_engine.DataDirectory, TimeProvider.System));

        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var image = (await store.Mailboxes.LoadAsync(alice, Token))!;
        Assert.True(image.LastNumber.Value > given, $"{image.LastNumber.Value} <= {given}");
        Assert.True(image.Folders[0].UidValidity.Value > 1);
        Assert.Equal((long[])[MessageNumber.First], await store.NumbersAsync(alice));
        await store.DeliverAsync(
            alice, MessageNumber.After(image.LastNumber, TimeProvider.System.GetUtcNow()).Value, uid: 2,
            modSeq: image.ModSeq.Value + 1);
    }

    [Fact]
    public async Task Nodes_that_remember_a_history_that_the_backup_lacks_are_let_in_once_that_restore_is_accepted()
    {
        var alice = await FirstDayAsync();
        File.Copy(DatabasePath, _backup, overwrite: true);
        await SecondDayAsync(alice);
        _ = SqliteMailStore.AcceptRestore(_engine.DataDirectory, TimeProvider.System);
        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();
        var memory = await File.ReadAllTextAsync(PositionPath, Token);
        File.Copy(_backup, DatabasePath, overwrite: true);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));
        Assert.Contains("accept-restore", refused.Message, StringComparison.Ordinal);
        _ = SqliteMailStore.AcceptRestore(_engine.DataDirectory, TimeProvider.System);

        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();
        Assert.NotEqual(memory, await File.ReadAllTextAsync(PositionPath, Token));
        await File.WriteAllTextAsync(PositionPath, memory, Token);
        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();
    }

    [Fact]
    public async Task Folders_of_one_mailbox_get_values_of_their_own_above_all_that_were_given()
    {
        var alice = await FirstDayAsync();
        Execute($"""
            INSERT INTO folder (mailbox, id, name, uidvalidity) VALUES ({alice.Value}, 2, 'a', 2), ({alice.Value}, 3, 'b', 4000000000);
            UPDATE mailbox SET next_uidvalidity = 4000000001 WHERE id = {alice.Value};
            """);

        _ = SqliteMailStore.AcceptRestore(_engine.DataDirectory, TimeProvider.System);

        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var folders = (await store.Mailboxes.LoadAsync(alice, Token))!.Folders;
        Assert.Equal(
            [4000000001, 4000000002, 4000000003], folders.Select(folder => folder.UidValidity.Value).Order());
    }

    [Fact]
    public async Task A_store_that_was_left_in_the_midst_is_never_behind_what_is_remembered()
    {
        var alice = await FirstDayAsync();
        await using (var running = await _engine.OpenAsync(TimeProvider.System))
        {
            await running.DeliverAsync(alice, MessageNumber.First + 1, uid: 2);
            await PostgresFenceTests.WaitAsync(() => Task.FromResult(Remembered() == Written()));
            _engine.Crash();
        }

        await using var store = await _engine.OpenAsync(TimeProvider.System);
        Assert.Equal(2, (await store.NumbersAsync(alice)).Length);

        long Remembered()
        {
            using var file = JsonDocument.Parse(File.ReadAllText(PositionPath));
            return file.RootElement.GetProperty("Position").GetInt64();
        }

        long Written()
        {
            using var other = Database.Open(DatabasePath, create: false, 64);
            return other.Scalar("SELECT token FROM commit_token");
        }
    }

    [Fact]
    public async Task A_torn_memory_refuses_nothing_and_a_running_node_is_not_restored_under_its_feet()
    {
        await FirstDayAsync();
        await File.WriteAllTextAsync(PositionPath, "{\"Histo", Token);
        await using var store = await _engine.OpenAsync(TimeProvider.System);

        Assert.Throws<DataDirectoryInUseException>(
            () => SqliteMailStore.AcceptRestore(_engine.DataDirectory, TimeProvider.System));
        Assert.Contains(
            "There is no store",
            Assert.Throws<StoreOpenException>(() => SqliteMailStore.AcceptRestore(
                Path.Combine(_engine.DataDirectory, "other"), TimeProvider.System)).Message,
            StringComparison.Ordinal);
    }

    private async Task<MailboxId> FirstDayAsync()
    {
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, MessageNumber.First, uid: 1);
        return alice;
    }

    /// <returns>The number that was given last.</returns>
    private async Task<long> SecondDayAsync(MailboxId alice)
    {
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var number = MessageNumber.After(new(MessageNumber.First), TimeProvider.System.GetUtcNow()).Value;
        await store.DeliverAsync(alice, number, uid: 2);
        return number;
    }

    private void Execute(string sql)
    {
        using var database = Database.Open(DatabasePath, create: false, 64);
        database.Execute(sql);
    }
}
