using MailCluster.Actors.Cluster;

namespace MailCluster.Frontend.Cluster;

/// <summary>What every link of a node needs of it.</summary>
internal sealed record LinkSurroundings(
    LinkOptions Options, TimeProvider Time, LinkMetrics Metrics, ILogger Log, LinkTable Table)
{
    /// <summary>Set before the first link.</summary>
    public ILinkListener Listener { get; set; } = NoListener.Instance;

    private sealed class NoListener : ILinkListener
    {
        public static readonly NoListener Instance = new();

        public void Up(Shared.Cluster.NodePeer peer, int wireVersion)
        {
        }

        public void Down(Shared.Cluster.NodePeer peer)
        {
        }

        public void Received(Shared.Cluster.NodePeer from, ReadOnlyMemory<byte> frame)
        {
        }
    }
}
