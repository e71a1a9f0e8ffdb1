using System.Globalization;
using System.Text;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>Mail of another server comes to any node, whichever the home of its mailbox is.</summary>
public sealed class ClusterImportTests : IDisposable
{
    private const int Nodes = 3;
    private const int Users = 4;

    private readonly Workplace _workplace = new();

    public void Dispose() => _workplace.Dispose();

    [Fact]
    public void An_import_at_any_node_keeps_ids_order_and_octets_and_brings_nothing_twice()
    {
        const int Messages = 150;
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        string mbox = Mbox(Messages);

        // Of four mailboxes at least one has its home elsewhere, whichever node is asked.
        for (int user = 1; user <= Users; user++)
        {
            string said = Import(cluster, 1 + (user % Nodes), user, mbox);
            Assert.Contains($"{Messages} messages", said, StringComparison.Ordinal);
            for (int node = 1; node <= Nodes; node++)
            {
                List<StoredMessage> there = cluster[node].Mailbox(user);
                Assert.Equal(Enumerable.Range(1, Messages).Select(IdOf), there.Select(message => message.Uidl));
                Assert.Equal(
                    Enumerable.Range(1, Messages).Select(number => TextOf(number).ReplaceLineEndings("\r\n")),
                    there.Select(message => message.Text));
            }

            Assert.Contains(
                $" 0 messages (0 octets) were imported, {Messages} were there already",
                Import(cluster, 1 + ((user + 1) % Nodes), user, mbox), StringComparison.Ordinal);
        }

        string metrics = string.Concat(Enumerable.Range(1, Nodes)
            .Select(node => Tool.Run("curl", "-sS", $"{cluster[node].Http}metrics")));
        Assert.Contains("kind=\"import_message\",result=\"answered\"", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_home_that_is_killed_in_the_middle_leaves_every_message_there_once()
    {
        const int Messages = 1200;
        using NodeCluster cluster = NodeCluster.Start(Nodes, Users);
        string mbox = Mbox(Messages);
        Task<string>[] imports =
        [
            .. Enumerable.Range(1, Users).Select(user =>
                Task.Run(() => Import(cluster, 1, user, mbox), TestContext.Current.CancellationToken)),
        ];
        Until.True(
            () => Enumerable.Range(1, Users).All(user => imports[user - 1].IsCompleted || Count(cluster, user) >= 20),
            "all have begun");

        // They do not share the processors evenly: one may be through.
        Assert.True(imports.Count(import => !import.IsCompleted) >= Users / 2, "the imports were too fast");
        cluster.Kill(2);
        await Task.WhenAll(imports);

        for (int user = 1; user <= Users; user++)
        {
            string[] ids = [.. Uidls(cluster, user)];
            Assert.Equal(Enumerable.Range(1, Messages).Select(IdOf).Order(), ids.Order());
        }
    }

    private static string IdOf(int number) => string.Create(CultureInfo.InvariantCulture, $"id-{number:D5}");

    /// <summary>Some larger than what goes in one ask, some than what is stored in one piece.</summary>
    private static string TextOf(int number)
    {
        int length = number % 50 == 7 ? 45_000 : number % 75 == 11 ? 300_000 : 200;
        StringBuilder text = new($"Subject: {number}\nX-UIDL: {IdOf(number)}\n\n");
        for (int line = 0; text.Length < length; line++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{line} {new string('x', 60)}\n");
        }

        return text.ToString();
    }

    private static string Import(NodeCluster cluster, int via, int user, string mbox) => cluster.Admin(
        via, "import", "mbox", mbox, "--uidl-from", "x-uidl", "--mailbox", Node.User(user));

    private static int Count(NodeCluster cluster, int user) =>
        Maildrop.Count(cluster[1].Pop3, Node.User(user), Node.Password(user));

    private static IEnumerable<string> Uidls(NodeCluster cluster, int user)
    {
        using Dialogue dialogue = Dialogue.Pop3(cluster[1].Pop3, Node.User(user), Node.Password(user));
        dialogue.Ask("UIDL", "+OK");
        return [.. Encoding.Latin1.GetString(dialogue.ReadMultiline())
            .Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1])];
    }

    private string Mbox(int messages)
    {
        StringBuilder mbox = new();
        for (int number = 1; number <= messages; number++)
        {
            mbox.Append("From a@b.test Fri Jul  8 12:08:34 2011\n").Append(TextOf(number)).Append('\n');
        }

        return _workplace.Write("mbox", mbox.ToString());
    }
}
