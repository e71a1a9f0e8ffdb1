namespace MailCluster.Frontend.Tests;

/// <summary>Where the files that are tested against the program lie.</summary>
internal static class RepositoryRoot
{
    public static string Find()
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
