namespace MailCluster.Storage.History;

/// <summary>How far a node knows its own commits to be durable.</summary>
/// <param name="History">Which history of the store it is about: 32 hexadecimal digits.</param>
/// <param name="Node">The node's name.</param>
/// <param name="NodeId">Its number in the table of nodes; 0 of a lone node.</param>
/// <param name="Position">The sum of its lanes' commit tokens: rises with every commit, and nothing lowers it.</param>
/// <param name="At">When it was noted; for people.</param>
public sealed record StorePosition(string History, string Node, int NodeId, long Position, DateTimeOffset At);
