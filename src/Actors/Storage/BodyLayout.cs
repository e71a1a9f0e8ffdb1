namespace MailCluster.Actors.Storage;

/// <summary>How a body lies in the store: a head in the body's own row, then full chunks.</summary>
public static class BodyLayout
{
    /// <summary>A body up to this size travels whole inside the final commit.</summary>
    public const int HeadOctetsMax = 64 * 1024;

    /// <summary>
    /// Octets of each staged chunk but the last. Half of what design arithmetic would allow: a connection holds a head
    /// and one chunk while a large body arrives, and both together with its pipes have to stay within 256 KiB (I8).
    /// </summary>
    public const int ChunkOctets = 128 * 1024;
}
