using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>The programs under test, as ./test.sh builds them.</summary>
internal static class Programs
{
    public static string Root { get; } = FindRoot();

    public static string MailCluster { get; } =
        Environment.GetEnvironmentVariable("MAILCLUSTER_PROGRAM")
            ?? Path.Combine(Root, "src/Frontend/bin/Release/net10.0/mailcluster");

    /// <summary>The same with StoreSynchronous=OFF: it answers without having written durably.</summary>
    public static string WithoutDurability
    {
        get
        {
            string program = Path.Combine(Root, "artifacts/sync-off/bin/MailCluster.Frontend/release/mailcluster");
            Assert.True(File.Exists(program), $"{program} is missing; ./test.sh builds it");
            return program;
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MailCluster.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No MailCluster.sln above {AppContext.BaseDirectory}.");
    }
}
