namespace MailCluster.Actors.Mailboxes;

/// <summary>Bounds of maildrops that are opened on one node and have their home on another.</summary>
public sealed record MaildropLinkOptions
{
    /// <summary>
    /// Snapshots up to so many octets come in the answer itself. Default 8 KiB, some 500 messages: larger ones would
    /// keep other answers waiting.
    /// </summary>
    public int WholeOctetsMax { get; init; } = 8 * 1024;

    /// <summary>A part of a larger one. Default 32 KiB.</summary>
    public int PartOctets { get; init; } = 32 * 1024;

    /// <summary>Parts on their way of one stream. Default 8.</summary>
    public int PartsAhead { get; init; } = 8;

    /// <summary>Streams that a home sends at once. Default 256; who comes next waits and asks again.</summary>
    public int StreamsMax { get; init; } = 256;

    /// <summary>A stream that nobody reads is given up. Default 10 s, as long as an opening may take.</summary>
    public TimeSpan StreamPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A part that the link does not take now is tried again. Default 2 ms.</summary>
    public TimeSpan SendPause { get; init; } = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// Mailboxes of which it is known what snapshot sessions of this node have. Default 65,536; sessions keep the
    /// snapshots, this holds none.
    /// </summary>
    public int KnownMax { get; init; } = 65_536;

    /// <summary>Numbers in one part of a removal. Default 4096: at most 40 KiB.</summary>
    public int NumbersInPart { get; init; } = 4096;

    /// <summary>Removals in several parts, put aside at their home. Default 64; the oldest is dropped.</summary>
    public int RemovalsMax { get; init; } = 64;

    /// <summary>Numbers of one such removal. Default 1 million.</summary>
    public int RemovalNumbersMax { get; init; } = 1_000_000;
}
