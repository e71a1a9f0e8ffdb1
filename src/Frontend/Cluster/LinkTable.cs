using MailCluster.Shared.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>The links that are up, by peer; looked up without a lock by everyone who sends.</summary>
internal sealed class LinkTable
{
    private readonly Lock _gate = new();
    private Dictionary<NodePeer, NodeLink> _links = [];

    public NodeLink? Find(NodePeer peer) => Volatile.Read(ref _links).GetValueOrDefault(peer);

    public void Add(NodeLink link)
    {
        lock (_gate)
        {
            Volatile.Write(ref _links, new(_links) { [link.Peer] = link });
        }
    }

    public void Remove(NodeLink link)
    {
        lock (_gate)
        {
            if (_links.GetValueOrDefault(link.Peer) == link)
            {
                var rest = new Dictionary<NodePeer, NodeLink>(_links);
                rest.Remove(link.Peer);
                Volatile.Write(ref _links, rest);
            }
        }
    }
}
