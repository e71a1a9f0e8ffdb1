namespace MailCluster.Deployment.Documents;

/// <summary>Where the files that are tested lie.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string PathOf(string relative) => Path.Combine(Root, relative);

    public static string Read(string relative) => File.ReadAllText(PathOf(relative));

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "MailCluster.sln")))
        {
            directory = directory.Parent
                ?? throw new InvalidOperationException("MailCluster.sln is in no directory above the tests.");
        }

        return directory.FullName;
    }
}
