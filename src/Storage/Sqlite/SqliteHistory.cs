using System.Collections.Immutable;
using System.Globalization;
using MailCluster.Storage.History;

namespace MailCluster.Storage.Sqlite;

/// <summary>The history of an embedded store: whether a node may go on with it, and how it is told to.</summary>
internal static class SqliteHistory
{
    /// <summary>A lone node has no name in its store.</summary>
    public const string Node = "";

    public static StoreHistory Read(Database database, string place)
    {
        var identities = ImmutableArray.CreateBuilder<string>();
        var rows = database.Get("SELECT id FROM history ORDER BY number");
        while (rows.Step())
        {
            identities.Add(rows.Text(0));
        }

        rows.Reset();
        var position = database.Scalar("SELECT token FROM commit_token WHERE lane = 0");
        return new(place, identities.ToImmutable(), 0, position);
    }

    /// <returns>The number of mailboxes.</returns>
    public static long Accept(Database database, StorePosition? remembered, DateTimeOffset now)
    {
        var accepted = AcceptedRestore.At(now);
        database.Execute("BEGIN IMMEDIATE");
        try
        {
            // Values of one mailbox differ, so that a folder that takes another's name is not taken for it.
            database.Execute(string.Create(
                CultureInfo.InvariantCulture,
                $"""
                UPDATE folder SET uidvalidity =
                    (SELECT max(next_uidvalidity, {accepted.UidValidity}) FROM mailbox WHERE id = folder.mailbox)
                    + (SELECT count(*) FROM folder f WHERE f.mailbox = folder.mailbox AND f.id < folder.id);
                UPDATE mailbox SET last_number = max(last_number, {accepted.MessageNumber}),
                    next_uidvalidity = max(next_uidvalidity, {accepted.UidValidity})
                    + (SELECT count(*) FROM folder WHERE folder.mailbox = mailbox.id);
                """));
            AddHistory(database, remembered?.History);
            AddHistory(database, accepted.History);
            database.Execute("COMMIT");
            return database.Scalar("SELECT count(*) FROM mailbox");
        }
        catch (Exception)
        {
            database.Rollback();
            throw;
        }
    }

    private static void AddHistory(Database database, string? id)
    {
        if (id is not null)
        {
            var insert = database.Get(
                "INSERT INTO history (number, id) SELECT max(number) + 1, ? FROM history WHERE true "
                + "ON CONFLICT (id) DO NOTHING");
            insert.Bind(1, id);
            insert.Run();
        }
    }
}
