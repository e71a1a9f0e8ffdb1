using MailCluster.Testing;
using Npgsql;
using Xunit;

namespace MailCluster.Actors.Tests.Storage;

/// <summary>What tests of outages rely on.</summary>
public sealed class PostgresServerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Committed_rows_survive_a_killed_server()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var server = new PostgresServer();
        var database = await server.NewDatabaseAsync();
        await using (var source = NpgsqlDataSource.Create(database))
        {
            Assert.Equal("on", await source.CreateCommand("SHOW fsync").ExecuteScalarAsync(Token));
            await source.CreateCommand("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
                .ExecuteNonQueryAsync(Token);
        }

        server.Kill();
        Assert.Empty(server.Processes);
        server.Start();
        await using var again = NpgsqlDataSource.Create(database);
        Assert.Equal(7, await again.CreateCommand("SELECT n FROM kept").ExecuteScalarAsync(Token));
    }

    [Fact]
    public async Task A_paused_server_answers_when_it_is_resumed()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        using var server = new PostgresServer();
        await using var source = NpgsqlDataSource.Create(await server.NewDatabaseAsync());
        Assert.Equal(1, await source.CreateCommand("SELECT 1").ExecuteScalarAsync(Token));
        server.Pause();
        var answer = source.CreateCommand("SELECT 2").ExecuteScalarAsync(Token);
        Assert.False(answer.IsCompleted);
        server.Resume();
        Assert.Equal(2, await answer);
    }
}
