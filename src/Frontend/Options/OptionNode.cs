namespace MailCluster.Frontend.Options;

/// <summary>
/// A key of the merged sources (file, then environment) that remembers whether somebody asked for it.
/// </summary>
internal sealed class OptionNode
{
    private OptionNode(string path, string? value, Dictionary<string, OptionNode> children)
    {
        Path = path;
        Value = value;
        Children = children;
    }

    /// <summary>Colon-separated, from the root.</summary>
    public string Path { get; }

    /// <summary>Null for <c>null</c> in JSON and for a section; an empty JSON list is the empty text.</summary>
    public string? Value { get; }

    public IReadOnlyDictionary<string, OptionNode> Children { get; }

    public bool IsNull => Value is null && Children.Count == 0;

    public static OptionNode From(IConfiguration root, string path) => new(path, null, ChildrenOf(root));

    private static Dictionary<string, OptionNode> ChildrenOf(IConfiguration parent)
    {
        var children = new Dictionary<string, OptionNode>(StringComparer.OrdinalIgnoreCase);
        foreach (var child in parent.GetChildren())
        {
            children[child.Key] = new OptionNode(child.Path, child.Value, ChildrenOf(child));
        }

        return children;
    }
}
