namespace MailCluster.Actors.Cluster.Wire;

/// <summary>The fifth octet of a frame, see link.proto.</summary>
public enum LinkFrameKind : byte
{
    None = 0,
    Hello = 1,
    Refusal = 2,
    Ask = 3,
    Bulk = 4,
    Ping = 5,
    Goodbye = 6,
}
