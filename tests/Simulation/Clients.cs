using System.Collections.Immutable;
using System.Globalization;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Smtp;
using MailCluster.Testing.Cluster;

namespace MailCluster.Simulation;

/// <summary>
/// Clients as they come through a load balancer: each connection to any node that takes some, with a permit of its
/// source, and a session of one or several transactions. What they were told goes into the ledgers.
/// </summary>
internal sealed class Clients(World world)
{
    private const string Binding = "gateway";

    /// <summary>All connections of a source come from one address.</summary>
    private static readonly ImmutableArray<SourceKey> Sources =
    [
        .. Enumerable.Range(0, 65_536).Select(number => SourceKey.Of([10, 0, (byte)(number >> 8), (byte)number]))
            .Where(source => HomeKey.Of(source).Shard.Number < World.Shards).Take(3),
    ];

    private long _connections;

    public async Task SendAsync(Chance chance)
    {
        while (!world.IsOver)
        {
            await world.WaitAsync(chance.Milliseconds(0, 1500));
            if (await ConnectAsync(chance) is not { } connection)
            {
                continue;
            }

            for (var i = chance.Between(1, 4); i > 0 && !connection.Process.IsDead; i--)
            {
                await DeliverAsync(connection, chance);
                await world.WaitAsync(chance.Milliseconds(0, 20));
            }

            Disconnect(connection);
        }
    }

    public async Task ReadAsync(Chance chance)
    {
        while (!world.IsOver)
        {
            await world.WaitAsync(chance.Milliseconds(0, 2000));
            if (await ConnectAsync(chance) is not { } connection)
            {
                continue;
            }

            await CollectAsync(connection, chance);
            Disconnect(connection);
        }
    }

    /// <summary>Connects, says nothing for a while and goes.</summary>
    public async Task CallAsync(Chance chance)
    {
        while (!world.IsOver)
        {
            await world.WaitAsync(chance.Milliseconds(0, 800));
            if (await ConnectAsync(chance) is { } connection)
            {
                await world.WaitAsync(chance.Milliseconds(0, chance.OneIn(4) ? 5000 : 300));
                Disconnect(connection);
            }
        }
    }

    public async Task<Connection?> ConnectAsync(Chance chance, int? from = null)
    {
        var source = from ?? chance.Below(Sources.Length);
        if (world.AnyNode(chance) is not { } node)
        {
            return null;
        }

        var connection = new Connection(node, node.Process, node.Parts!, source, ++_connections);
        try
        {
            var admission = await connection.Process.CallAsync(
                () => connection.Parts.Limits.AdmitAsync(
                    Binding, Sources[source], connection.Number, world.Plan.Limit).AsTask());
            if (admission is Admission.Admitted or Admission.AdmittedOwing)
            {
                world.Permits.Admit(source, node, connection.Number, world.MostPermits);
                return connection;
            }

            world.Permits.Refuse(source, admission == Admission.Unreachable);
        }
        catch (ProcessEndedException)
        {
            // The connection is reset.
        }

        return null;
    }

    public void Disconnect(Connection connection)
    {
        world.Permits.Close(connection.Source, connection.Number);
        var source = Sources[connection.Source];
        connection.Process.Post(() =>
        {
            if (world.Planted != Planted.LeakedPermit
                || connection.Parts.Membership.Find(HomeKey.Of(source).Shard).Kind != HomeKind.Moving)
            {
                connection.Parts.Limits.Release(Binding, source, connection.Number);
            }
        });
    }

    /// <summary>At the end, when nobody is connected: every source may have what its limit says, and no more.</summary>
    public async Task CheckPermitsAsync(Chance chance)
    {
        for (var source = 0; source < Sources.Length; source++)
        {
            var connections = new List<Connection>();
            while (connections.Count <= world.Plan.Limit && await ConnectAsync(chance, source) is { } connection)
            {
                connections.Add(connection);
            }

            if (connections.Count != world.Plan.Limit)
            {
                throw new InvariantBrokenException(
                    "I6", $"At the end source {source} got {connections.Count} of {world.Plan.Limit} connections.");
            }

            connections.ForEach(Disconnect);
        }
    }

    private async Task DeliverAsync(Connection connection, Chance chance)
    {
        ImmutableArray<MailboxId> to = [.. world.Mailboxes.Where(_ => chance.OneIn(4))];
        to = to.IsEmpty ? [chance.Of(world.Mailboxes)] : to;
        var body = ((IBodyStore)connection.Parts.Store).NextId();
        var message = new AcceptedMessage(body, new byte[100], 100, 0, 103, Envelope(to));
        world.Mail.Sending(body, to);
        AcceptVerdict? verdict = null;
        try
        {
            verdict = await connection.Process.CallAsync(
                () => connection.Parts.Acceptor.AcceptAsync(
                    message, world.Plan.AcknowledgementDelay, CancellationToken.None).AsTask());
        }
        catch (ProcessEndedException)
        {
            // It may be accepted or not.
        }

        world.Mail.Answered(body, verdict);
    }

    private async Task CollectAsync(Connection connection, Chance chance)
    {
        var mailbox = chance.Of(world.Mailboxes);
        var expected = world.Mail.Expected(mailbox);
        try
        {
            var snapshot = await connection.Process.CallAsync(
                () => connection.Parts.Maildrops.OpenAsync(mailbox, CancellationToken.None).AsTask())
                ?? throw new InvariantBrokenException("POP3", $"Mailbox {mailbox.Value} is said not to exist.");
            world.Mail.OpenAnswered(mailbox, expected, snapshot);
            await world.WaitAsync(chance.Milliseconds(0, chance.OneIn(4) ? 4000 : 50));
            await QuitAsync(connection, chance, snapshot);
        }
        catch (AskFailedException)
        {
            world.Failed("open");
        }
        catch (ProcessEndedException)
        {
            // The connection is reset: nothing is removed, or a client that hears nothing cannot know.
        }
    }

    private async Task QuitAsync(Connection connection, Chance chance, MaildropSnapshot snapshot)
    {
        ImmutableArray<MessageNumber> marked =
            [.. snapshot.Messages.Select(message => message.Number).Where(_ => chance.OneIn(3))];
        if (marked.IsEmpty || connection.Process.IsDead)
        {
            return;
        }

        world.Mail.Marking(snapshot.Mailbox, marked);
        try
        {
            var isRemoved = await connection.Process.CallAsync(
                () => connection.Parts.Maildrops.DeleteAsync(
                    snapshot.Mailbox, marked, CancellationToken.None).AsTask());
            world.Mail.QuitAnswered(snapshot.Mailbox, marked, isRemoved);
        }
        catch (AskFailedException)
        {
            world.Failed("quit");
        }
    }

    private static SmtpTransaction Envelope(ImmutableArray<MailboxId> to) => new(
        "client.example.test", "ESMTP", new SmtpPath("sender", "elsewhere.test"), SmtpBodyKind.SevenBit,
        SmtpUtf8: false, User: null,
        [
            .. to.Select(mailbox => new SmtpRecipient(
                new SmtpPath("user" + mailbox.Value.ToString(CultureInfo.InvariantCulture), "example.test"),
                [mailbox])),
        ],
        1_000_000);

    /// <param name="Process">The start of the node that it is a connection to.</param>
    internal sealed record Connection(Node Node, SimulatedProcess Process, NodeParts Parts, int Source, long Number);
}
