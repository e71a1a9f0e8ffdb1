using System.Diagnostics;
using System.Text;
using Xunit;

namespace MailCluster.Integration.Support;

/// <param name="Output">Standard output and standard error, as they came.</param>
internal sealed record ToolResult(int ExitCode, string Output);

/// <summary>Programs of others: the real clients.</summary>
internal static class Tool
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(120);

    /// <summary>
    /// A client that is missing fails the test for root, who can install it (test.sh does), and skips it for others.
    /// </summary>
    public static void Require(params string[] programs)
    {
        foreach (string program in programs)
        {
            bool found = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin")
                .Append("/sbin")
                .Any(folder => File.Exists(Path.Combine(folder, program)));
            Assert.True(found || !Environment.IsPrivilegedProcess, $"{program} is not installed; ./test.sh does that");
            Assert.SkipUnless(found, $"{program} is not installed");
        }
    }

    public static void RequireRoot() => Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root");

    /// <summary>Runs it to its end and expects exit code 0; the failure shows what it said.</summary>
    public static string Run(string program, params string[] arguments)
    {
        ToolResult result = Try(program, null, arguments);
        Assert.True(result.ExitCode == 0,
            $"{program} {string.Join(' ', arguments)}: exit code {result.ExitCode}\n{result.Output}");
        return result.Output;
    }

    public static ToolResult Try(string program, string? input, params string[] arguments) =>
        Try(new ProcessStartInfo(program, arguments), input);

    public static ToolResult Try(ProcessStartInfo start, string? input)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.StandardOutputEncoding = Encoding.UTF8;
        using Process process = new() { StartInfo = start };
        StringBuilder output = new();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(output, line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        if (input is not null)
        {
            process.StandardInput.Write(input);
        }

        process.StandardInput.Close();
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{start.FileName} did not end within {Longest}:\n{output}");
        }

        process.WaitForExit(); // until the output is complete
        lock (output)
        {
            return new ToolResult(process.ExitCode, output.ToString());
        }
    }

    private static void Append(StringBuilder output, string? line)
    {
        if (line is not null)
        {
            lock (output)
            {
                output.Append(line).Append('\n');
            }
        }
    }
}
