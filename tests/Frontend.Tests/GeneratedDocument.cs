using Xunit;

namespace MailCluster.Frontend.Tests;

/// <summary>
/// A file under docs/ that the program prints; <c>./test.sh --write-docs</c> writes it instead of comparing.
/// </summary>
internal static class GeneratedDocument
{
    public static void AssertIs(string name, string printed)
    {
        var file = Path.Combine(RepositoryRoot.Find(), "docs", name);
        if (Environment.GetEnvironmentVariable("MAILCLUSTER_WRITE_DOCS") == "1")
        {
            File.WriteAllText(file, printed);
        }

        Assert.Equal(printed, File.ReadAllText(file));
    }
}
