using System.Collections.Immutable;
using System.Diagnostics;

namespace MailCluster.Tidy.Tests;

/// <summary>
/// The checkout the tests were built from: its files, by path relative to the root, with '/' between folders.
/// </summary>
internal static class Repository
{
    private static readonly Lazy<string> RootFolder = new(FindRoot);
    private static readonly Lazy<ImmutableArray<string>> AllFiles = new(ListFiles);

    public static string Root => RootFolder.Value;

    public static ImmutableArray<string> Files => AllFiles.Value;

    public static IEnumerable<string> Code => Files.Where(file => file.EndsWith(".cs", StringComparison.Ordinal));

    public static IEnumerable<string> CodeUnder(string folder) =>
        Code.Where(file => file.StartsWith(folder, StringComparison.Ordinal));

    public static string FullPath(string file) => Path.Combine(Root, file);

    public static bool Exists(string path) => File.Exists(FullPath(path)) || Directory.Exists(FullPath(path));

    public static string Read(string file) => File.ReadAllText(FullPath(file));

    public static string[] Lines(string file) => File.ReadAllLines(FullPath(file));

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

    /// <summary>What is tracked or about to be; without git, what lies there except build output.</summary>
    private static ImmutableArray<string> ListFiles()
    {
        if (Path.Exists(Path.Combine(Root, ".git")) && TryGit() is { Length: > 0 } tracked)
        {
            return [.. tracked.Where(file => File.Exists(Path.Combine(Root, file)))];
        }

        return [.. Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Split('/')
                .Any(part => part is "bin" or "obj" or ".git" or "artifacts" or "TestResults"))];
    }

    private static string[]? TryGit()
    {
        try
        {
            using Process? git = Process.Start(new ProcessStartInfo("git", "ls-files -co --exclude-standard")
            {
                WorkingDirectory = Root,
                RedirectStandardOutput = true,
            });
            string? output = git?.StandardOutput.ReadToEnd();
            git?.WaitForExit();
            return git is { ExitCode: 0 } ? output!.Split('\n', StringSplitOptions.RemoveEmptyEntries) : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null; // no git on this machine
        }
    }
}
