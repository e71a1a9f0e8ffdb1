using System.Diagnostics;
using Xunit;

namespace MailCluster.Deployment.Documents;

internal sealed record ToolResult(int ExitCode, string Output);

/// <summary>A program that the tests run on the files: promtool, haproxy, bash.</summary>
internal static class Tool
{
    public static async Task<ToolResult> RunAsync(string name, params string[] arguments)
    {
        Assert.SkipUnless(
            Environment.IsPrivilegedProcess || IsInstalled(name),
                $"{name} is not installed, and only root can install it");
        using var process = Process.Start(new ProcessStartInfo(name, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return new(process.ExitCode, await output + await errors);
    }

    private static bool IsInstalled(string name) =>
        new[] { "/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin" }.Any(place =>
            File.Exists(Path.Combine(place, name)));
}
