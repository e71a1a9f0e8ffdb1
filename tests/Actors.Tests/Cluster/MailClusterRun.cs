using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Mailboxes;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;
using MailCluster.Testing.Cluster;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>
/// Three nodes over one database, in virtual time under one seed. Who is home of what is said by the test, which plays
/// membership; the database's fence knows it before any node does.
/// </summary>
internal sealed class MailClusterRun
{
    public static readonly MailboxId Alice = new(1);
    public static readonly MailboxId Bob = new(2);
    public static readonly MailboxId Carol = new(3);

    private readonly SortedDictionary<ShardId, (NodePeer Owner, long Epoch)> _owners = [];
    private readonly MaildropLinkOptions? _options;
    private long _incarnations;

    /// <param name="isForwarding">False: what is for another home goes through the spool, however small.</param>
    public MailClusterRun(ulong seed = 1, MaildropLinkOptions? options = null, bool isForwarding = true)
    {
        DeliveryOptions = isForwarding ? new() : new() { ForwardedHeadMax = -1 };
        _options = options;
        Scheduler = new SeededScheduler(seed);
        Network = new SimulatedNetwork(Scheduler, (int)seed);
        Database = new SimulatedMailDatabase(Scheduler)
        {
            Fence = (node, guard) => _owners[guard.Shard] == (node, guard.Epoch),
        };
        Database.Add(Alice);
        Database.Add(Bob);
        Database.Add(Carol);
        Nodes = [.. Enumerable.Range(1, 3).Select(Start)];
        foreach (var (mailbox, node) in new[] { (Alice, One), (Bob, Two), (Carol, Three) })
        {
            _owners[ShardId.Of(mailbox)] = (node.Self, 1);
        }

        Nodes.ForEach(Learn);
        Scheduler.Advance(TimeSpan.FromSeconds(1));
    }

    public DeliveryOptions DeliveryOptions { get; }

    public SeededScheduler Scheduler { get; }

    public SimulatedNetwork Network { get; }

    public SimulatedMailDatabase Database { get; }

    public List<MailNode> Nodes { get; }

    public MailNode One => Nodes[0];

    public MailNode Two => Nodes[1];

    public MailNode Three => Nodes[2];

    public MailNode HomeOf(MailboxId mailbox) =>
        Nodes.Single(node => node.Self == _owners[ShardId.Of(mailbox)].Owner);

    public void Own(MailboxId mailbox, MailNode node)
    {
        _owners[ShardId.Of(mailbox)] = (node.Self, 1);
        Nodes.ForEach(Learn);
    }

    /// <summary>A planned move, as membership makes it; the others learn of it one after the other.</summary>
    public async Task MoveAsync(MailboxId mailbox, MailNode to)
    {
        var shard = ShardId.Of(mailbox);
        var (owner, epoch) = _owners[shard];
        var from = Nodes.Single(node => node.Self == owner);
        if (from == to)
        {
            return;
        }

        from.Homes.Moving(mailbox, epoch);
        await from.Residents.LeaveAsync([new(shard, epoch)], CancellationToken.None);
        await WaitAsync(TimeSpan.FromMilliseconds(2));
        _owners[shard] = (to.Self, epoch + 1);
        from.Homes.There(mailbox, to.Self, epoch + 1);
        from.Residents.Left([new(shard, epoch)]);
        await WaitAsync(TimeSpan.FromMilliseconds(5));
        to.Homes.Here(mailbox, epoch + 1);
        to.Residents.Arrived([new(shard, epoch + 1)]);
        await WaitAsync(TimeSpan.FromMilliseconds(20));
        Nodes.ForEach(Learn);
    }

    /// <summary>The process ends; its links notice at once, membership after a lease.</summary>
    public void Kill(MailNode node, int durable = 0)
    {
        node.Homes.HasLease = false;
        node.Lane.Crash(durable);
        Network.Crash(node.Self);
        Nodes.Remove(node);
        node.Die();
    }

    /// <summary>Another node has its shards from now on.</summary>
    public void Claim(MailNode dead, MailNode by)
    {
        foreach (var (shard, (owner, epoch)) in _owners.ToArray())
        {
            if (owner == dead.Self)
            {
                _owners[shard] = (by.Self, epoch + 1);
                Nodes.ForEach(Learn);
                by.Residents.Arrived([new(shard, epoch + 1)]);
            }
        }
    }

    /// <summary>A process under the name of one that ended.</summary>
    public MailNode Restart(MailNode dead)
    {
        var node = Start(dead.Self.Id.Value);
        Nodes.Add(node);
        Nodes.ForEach(Learn);
        return node;
    }

    public Task WaitAsync(TimeSpan time) => Task.Delay(time, Scheduler.Time);

    private MailNode Start(int id) => new(this, new NodePeer(new(id), new(++_incarnations)), _options);

    private void Learn(MailNode node)
    {
        foreach (var (shard, (owner, epoch)) in _owners)
        {
            ShardHome home = new(owner == node.Self ? HomeKind.Here : HomeKind.There, epoch, owner);
            if (node.Homes.Find(shard) != home)
            {
                node.Homes.Set(shard, home);
            }
        }

        node.Links.Expect([.. Nodes.Select(node => node.Self)]);
    }
}
