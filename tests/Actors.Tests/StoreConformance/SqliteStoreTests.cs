using System.Diagnostics;
using System.Globalization;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Storage;
using MailCluster.Storage.Sqlite;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What only the embedded store has: a directory that is locked, a file that may be damaged, a disk that
/// is full.</summary>
public sealed class SqliteStoreTests : IDisposable
{
    private readonly SqliteEngine _engine = new();

    private string DatabasePath => Path.Combine(_engine.DataDirectory, "mailcluster.db");

    public void Dispose() => _engine.Dispose();

    [Fact]
    public async Task A_data_directory_in_use_is_refused_with_the_pid_of_its_owner()
    {
        await using var store = await _engine.OpenAsync(TimeProvider.System);

        var refused =
            await Assert.ThrowsAsync<DataDirectoryInUseException>(() => _engine.OpenAsync(TimeProvider.System));

        Assert.Equal(Environment.ProcessId, refused.OwnerPid);
        Assert.Contains(Environment.ProcessId.ToString(CultureInfo.InvariantCulture), refused.Message,
            StringComparison.Ordinal);
        Assert.Contains(_engine.DataDirectory, refused.Message, StringComparison.Ordinal);
        var alice = await store.AddUserAsync();
        await store.DeliverAsync(alice, 1);
    }

    [Fact]
    public async Task A_new_data_directory_is_for_its_owner_only_and_is_free_again_after_a_close()
    {
        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();
        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();

        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode all = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Assert.Equal(all, File.GetUnixFileMode(_engine.DataDirectory));
        }
    }

    [Fact]
    public async Task A_newer_schema_is_refused_and_left_as_it_is()
    {
        await (await _engine.OpenAsync(TimeProvider.System)).DisposeAsync();
        Execute("INSERT INTO schema_version (version, name, applied) VALUES (9999, 'later', 0)");
        var before = await File.ReadAllBytesAsync(DatabasePath, TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));

        Assert.Contains("9999", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(DatabasePath, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_database_of_another_program_is_refused_and_gets_no_tables()
    {
        Directory.CreateDirectory(_engine.DataDirectory);
        Execute("CREATE TABLE recipes (name TEXT)");

        await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));

        Assert.Equal(1, Scalar("SELECT count(*) FROM sqlite_master"));
    }

    [Fact]
    public async Task A_damaged_database_is_refused_with_its_path()
    {
        Directory.CreateDirectory(_engine.DataDirectory);
        await File.WriteAllTextAsync(
            DatabasePath, new string('x', 100_000), TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));

        Assert.Contains(DatabasePath, refused.Message, StringComparison.Ordinal);
        Assert.Contains("restore a backup", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_directory_that_is_a_file_is_refused_with_its_path()
    {
        await File.WriteAllTextAsync(_engine.DataDirectory, "not a directory", TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => _engine.OpenAsync(TimeProvider.System));

        Assert.Contains(_engine.DataDirectory, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_database_is_made_as_the_design_says()
    {
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        await store.AddUserAsync();

        Assert.Equal(8192, Scalar("PRAGMA page_size"));
        Assert.Equal(2, Scalar("PRAGMA auto_vacuum"));
        Assert.Equal(6, Scalar("SELECT count(*) FROM schema_version"));
        Assert.True(File.Exists(DatabasePath + "-wal"));
    }

    [Fact]
    public async Task Mail_from_before_there_were_quotas_is_counted_when_the_database_is_opened()
    {
        MailboxId mailbox;
        await using (var store = await _engine.OpenAsync(TimeProvider.System))
        {
            mailbox = await store.AddUserAsync();
            await store.DeliverAsync(mailbox, 1, new string('a', 70));
            await store.DeliverAsync(mailbox, 2, new string('a', 30));
        }

        Execute(
            """
            DROP INDEX tenant_retention; DROP INDEX domain_retention; DROP INDEX account_retention;
            ALTER TABLE tenant DROP COLUMN storage_octets; ALTER TABLE tenant DROP COLUMN warning_percent;
            ALTER TABLE tenant DROP COLUMN retention_days; ALTER TABLE domain DROP COLUMN storage_octets;
            ALTER TABLE domain DROP COLUMN warning_percent; ALTER TABLE domain DROP COLUMN retention_days;
            ALTER TABLE account DROP COLUMN storage_octets; ALTER TABLE account DROP COLUMN warning_percent;
            ALTER TABLE account DROP COLUMN retention_days; ALTER TABLE mailbox DROP COLUMN is_warned;
            ALTER TABLE folder DROP COLUMN octets; ALTER TABLE folder DROP COLUMN oldest;
            ALTER TABLE spool DROP COLUMN traits; DROP TABLE history;
            DELETE FROM schema_version WHERE version >= 4;
            """);
        File.Delete(Path.Combine(_engine.DataDirectory, "store.position"));

        await using var upgraded = await _engine.OpenAsync(TimeProvider.System);
        var quotas = upgraded.Quotas;
        var now = StoreSteps.Received.AddDays(2);
        Assert.Equal(100, await quotas.UsedOctetsAsync(mailbox, CancellationToken.None));
        Assert.Single((await quotas.ListRetentionAsync(new(0), 1, now, 10, CancellationToken.None)).Candidates);
        Assert.Empty((await quotas.ListRetentionAsync(new(0), 3, now, 10, CancellationToken.None)).Candidates);
        await upgraded.DeliverAsync(mailbox, 3, new string('a', 5));
        Assert.Equal(105, await quotas.UsedOctetsAsync(mailbox, CancellationToken.None));
    }

    [Fact]
    public async Task The_log_starts_anew_while_writing_goes_on()
    {
        _engine.Configure = options =>
            options with { CheckpointFromOctets = 256 * 1024, WalOctetsMax = 2 * 1024 * 1024 };
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var chunk = new byte[BodyLayout.ChunkOctets];
        var body = store.Bodies.NextId();
        var longest = 0L;
        for (var sequence = 1; sequence <= 400; sequence++)
        {
            Assert.Equal(
                CommitOutcome.Committed, await store.CommitAsync(new StoreOperation.StageChunk(body, sequence, chunk)));
            longest = Math.Max(longest, new FileInfo(DatabasePath + "-wal").Length);
        }

        // 50 MB went through it.
        Assert.InRange(longest, 1, 8 * 1024 * 1024);
    }

    [Fact]
    public async Task A_full_lane_turns_units_away_and_takes_them_again_when_there_is_room()
    {
        _engine.Configure = options => options with { LaneOctetsMax = 10_000 };
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var held = new CommitUnit(2, store.Body(new string('x', 9000)));
        Assert.True(held.Contribute(store.Committer, null));

        Assert.Equal(CommitOutcome.LaneFull, await store.CommitAsync(store.Body(new string('y', 2000))));
        Assert.True(held.Contribute(store.Committer, null));
        Assert.Equal(CommitOutcome.Committed, await held.Completion);

        // Room is given back right after the end is told.
        while (await store.CommitAsync(store.Body(new string('y', 2000))) is var outcome
            && outcome != CommitOutcome.Committed)
        {
            Assert.Equal(CommitOutcome.LaneFull, outcome);
            await Task.Yield();
        }
    }

    [Fact]
    public async Task What_is_not_complete_fails_when_the_store_closes_and_what_is_complete_is_committed()
    {
        var store = await _engine.OpenAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        var body = store.Body("complete");
        var complete = store.CommitAsync(body, StoreSteps.Message(alice, 1, body));
        var open = new CommitUnit(2, store.Body("waits"));
        Assert.True(open.Contribute(store.Committer, null));

        await store.DisposeAsync();

        Assert.Equal(CommitOutcome.Committed, await complete);
        Assert.Equal(CommitOutcome.StoreFailed, await open.Completion);
        await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await store.Mailboxes.LoadAsync(alice, CancellationToken.None));
        await using var again = await _engine.OpenAsync(TimeProvider.System);
        Assert.Equal((long[])[1], await again.NumbersAsync(alice));
    }

    [Fact]
    public async Task Tombstones_are_bounded_and_the_floor_says_from_where_they_are_complete()
    {
        _engine.Configure = options => options with { TombstonesPerMailbox = 10 };
        await using var store = await _engine.OpenAsync(TimeProvider.System);
        var alice = await store.AddUserAsync();
        for (var number = 1; number <= 50; number++)
        {
            await store.DeliverAsync(alice, number * 10, "x");
            var outcome = await store.CommitAsync(StoreSteps.Removal(alice, (number * 10) + 2, number * 10));
            Assert.Equal(CommitOutcome.Committed, outcome);
        }

        var kept = Scalar("SELECT count(*) FROM tombstone");
        var floor =
            Scalar("SELECT tombstone_floor FROM mailbox WHERE id = "
                + alice.Value.ToString(CultureInfo.InvariantCulture));
        Assert.InRange(kept, 10, 20);
        Assert.Equal(kept,
            Scalar("SELECT tombstones FROM mailbox WHERE id = " + alice.Value.ToString(CultureInfo.InvariantCulture)));
        Assert.Equal(0,
            Scalar("SELECT count(*) FROM tombstone WHERE modseq <= " + floor.ToString(CultureInfo.InvariantCulture)));
        Assert.Equal(50 - kept, (floor - 2) / 10);
    }

    [Fact]
    public async Task Pages_of_swept_bodies_go_back_to_the_file_system()
    {
        var time = new MovedTime();
        await using var store = await _engine.OpenSqliteAsync(time);
        var body = store.Bodies.NextId();
        for (var sequence = 1; sequence <= 100; sequence++)
        {
            await store.CommitAsync(new StoreOperation.StageChunk(body, sequence, new byte[BodyLayout.ChunkOctets]));
        }

        var pages = Scalar("PRAGMA page_count");
        time.Move(TimeSpan.FromHours(2));
        Assert.Equal(1, await store.Sweeper.SweepAsync(CancellationToken.None));

        Assert.True(Scalar("PRAGMA page_count") < pages / 2);
        Assert.Equal(0, Scalar("SELECT count(*) FROM body_chunk"));
    }

    [Fact]
    public async Task Pages_that_stay_in_the_file_are_told_as_octets_to_fill_again_also_after_a_start()
    {
        var time = new MovedTime();
        var store = await _engine.OpenSqliteAsync(time);
        await StageAsync(50);
        time.Move(TimeSpan.FromHours(2));
        await StageAsync(300); // not due, so that less than a quarter of the file is free
        Assert.Equal(0, store.ReusableOctets);

        Assert.Equal(1, await store.Sweeper.SweepAsync(CancellationToken.None));

        var free = Scalar("PRAGMA freelist_count") * Scalar("PRAGMA page_size");
        Assert.InRange(free, 50 * BodyLayout.ChunkOctets, 60 * BodyLayout.ChunkOctets);
        Assert.Equal(free, store.ReusableOctets);
        await store.DisposeAsync();
        await using var again = await _engine.OpenSqliteAsync(time);
        Assert.Equal(free, again.ReusableOctets);

        async Task StageAsync(int chunks)
        {
            var body = store.Bodies.NextId();
            for (var sequence = 1; sequence <= chunks; sequence++)
            {
                await store.CommitAsync(
                    new StoreOperation.StageChunk(body, sequence, new byte[BodyLayout.ChunkOctets]));
            }
        }
    }

    [Fact]
    public async Task A_full_disk_fails_units_and_is_got_over_when_there_is_room()
    {
        if (Environment.UserName != "root" || !OperatingSystem.IsLinux())
        {
            Assert.Skip("Only root may mount a small file system.");
        }

        var mount = Path.Combine(Path.GetDirectoryName(_engine.DataDirectory)!, "small");
        Directory.CreateDirectory(mount);
        Shell("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", mount);
        try
        {
            _engine.Configure = options => options with { DataDirectory = Path.Combine(mount, "data") };
            var ballast = Path.Combine(mount, "ballast");
            await File.WriteAllBytesAsync(ballast, new byte[4 * 1024 * 1024], TestContext.Current.CancellationToken);
            var store = await _engine.OpenAsync(TimeProvider.System);
            var alice = await store.AddUserAsync();
            var last = await FillAsync(store, alice);

            Assert.Contains("full", store.Fault, StringComparison.Ordinal);
            Assert.Equal(Enumerable.Range(1, last).Select(number => (long)number), await store.NumbersAsync(alice));
            File.Delete(ballast);

            // The store tries by itself: nobody may send mail to a node that says it takes none.
            while (store.Fault is not null)
            {
                Assert.Equal(last, (await store.NumbersAsync(alice)).Length);
            }

            await store.DeliverAsync(alice, last + 1);
            Assert.Null(store.Fault);
            await store.DisposeAsync();
            await using var again = await _engine.OpenAsync(TimeProvider.System);
            Assert.Equal(last + 1, (await again.NumbersAsync(alice)).Length);
        }
        finally
        {
            Shell("umount", mount);
        }
    }

    // Returns the last number that was committed.
    private static async Task<int> FillAsync(IMailStore store, MailboxId mailbox)
    {
        for (var number = 1; ; number++)
        {
            var body = store.Body(new string('x', 60_000));
            var outcome = await store.CommitAsync(body, StoreSteps.Message(mailbox, number, body));
            if (outcome != CommitOutcome.Committed)
            {
                Assert.Equal(CommitOutcome.OutOfSpace, outcome);
                return number - 1;
            }
        }
    }

    private static void Shell(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private void Execute(string sql)
    {
        SqliteLibrary.Load();
        using var database = Database.Open(DatabasePath, create: true, 64);
        database.Execute(sql);
    }

    private long Scalar(string sql)
    {
        using var database = Database.Open(DatabasePath, create: false, 64);
        return database.Scalar(sql);
    }
}
