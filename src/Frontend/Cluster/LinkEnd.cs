namespace MailCluster.Frontend.Cluster;

/// <summary>Why a link that was made is no more.</summary>
internal enum LinkEnd
{
    /// <summary>The peer's process or host is gone: closed or reset without a Goodbye.</summary>
    Lost,

    /// <summary>The peer said Goodbye.</summary>
    PeerLeft,

    /// <summary>Nothing was heard for <see cref="LinkOptions.SilenceMax"/>.</summary>
    Silent,

    /// <summary>What came is not a frame, or one that has no place there.</summary>
    Broken,

    /// <summary>The same peer dialled again: the old connection is dead and only this side did not know.</summary>
    Replaced,

    /// <summary>This node closed it: the peer is not expected any more.</summary>
    NotExpected,

    /// <summary>This node closed it: it ends, or has a new incarnation.</summary>
    Leaving,

    /// <summary>A fault of ours in what the link's frames are handed to.</summary>
    ListenerFault,
}

internal static class LinkEnds
{
    public static string NameOf(LinkEnd end) => end switch
    {
        LinkEnd.Lost => "lost",
        LinkEnd.PeerLeft => "peer_left",
        LinkEnd.Silent => "silent",
        LinkEnd.Broken => "broken",
        LinkEnd.Replaced => "replaced",
        LinkEnd.NotExpected => "not_expected",
        LinkEnd.Leaving => "leaving",
        _ => "listener_fault",
    };

    public static string TextOf(LinkEnd end) => end switch
    {
        LinkEnd.Lost => "the connection was lost: its process or host is gone, or the network is cut",
        LinkEnd.PeerLeft => "the node left",
        LinkEnd.Silent => "nothing was heard of it: its process stands still, or the network is cut",
        LinkEnd.Broken => "what came is not a frame of the contract between nodes: check that both programs are whole",
        LinkEnd.Replaced => "it dialled again",
        LinkEnd.NotExpected => "it is not in the table of nodes any more",
        LinkEnd.Leaving => "this node left",
        _ => "a fault of this program; the log has it",
    };

    public static bool IsPlanned(LinkEnd end) =>
        end is LinkEnd.PeerLeft or LinkEnd.NotExpected or LinkEnd.Leaving;
}
