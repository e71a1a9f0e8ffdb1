using System.Text.RegularExpressions;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>What somebody does who has just cloned the repository.</summary>
public sealed partial class NewUserTests
{
    [Fact]
    public void Run_sh_builds_and_serves_and_the_lines_it_prints_send_and_read_a_message()
    {
        Tool.Require("curl");
        using Workplace workplace = new();
        NodeSettings settings = new(workplace)
        {
            Command = ["bash", Checkout(workplace)],
            SeedUsers = 0,
            LongestStart = TimeSpan.FromMinutes(6), // it builds
        };
        settings.Root["Node"]!.AsObject().Remove("DataDirectory");
        settings.Pop3.Remove("LoginType");
        string passwords;
        using (Node node = Node.Start(settings))
        {
            passwords = Passwords(node);
            Tool.Run("sh", "-c", LineBelow(node, "Send a message:"));
            Assert.Contains("It works.", Tool.Run("sh", "-c", LineBelow(node, "Read it:")), StringComparison.Ordinal);
            node.Interrupt();
            Assert.Equal(0, node.WaitForExit());
        }

        using Node again = Node.Start(settings);
        Assert.Equal(passwords, Passwords(again));
        Assert.Contains("It works.", Tool.Run("sh", "-c", LineBelow(again, "Read it:")), StringComparison.Ordinal);
        Assert.Equal(0, again.Stop());
    }

    [Fact]
    public void Without_a_configuration_file_nothing_is_in_the_way_of_a_start()
    {
        string output = Tool.Run(Programs.MailCluster, "check-config");
        Assert.DoesNotContain("cannot", output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("serve", Tool.Run(Programs.MailCluster, "--help"), StringComparison.Ordinal);
    }

    /// <summary>The files of the program without anything that was built from them.</summary>
    private static string Checkout(Workplace workplace)
    {
        string folder = workplace.File("checkout");
        foreach (string file in Directory.EnumerateFiles(Programs.Root, "*", SearchOption.TopDirectoryOnly)
            .Concat(Directory.EnumerateFiles(Path.Combine(Programs.Root, "src"), "*", SearchOption.AllDirectories)))
        {
            string relative = Path.GetRelativePath(Programs.Root, file);
            if (!relative.Split('/').Any(part => part is "bin" or "obj"))
            {
                string copy = Path.Combine(folder, relative);
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
        }

        return Path.Combine(folder, "run.sh");
    }

    private static string LineBelow(Node node, string heading)
    {
        string[] lines = [.. node.Log.Split('\n').Select(line => line.Trim())];
        int at = Array.IndexOf(lines, heading);
        Assert.True(at >= 0, $"It did not print \"{heading}\":\n{node.Log}");
        return lines[at + 1];
    }

    private static string Passwords(Node node)
    {
        string text = string.Join('\n', Password().Matches(node.Log).Select(match => match.Value));
        Assert.Contains("alice@example.test", text, StringComparison.Ordinal);
        Assert.Contains("bob@example.test", text, StringComparison.Ordinal);
        return text;
    }

    [GeneratedRegex(@"(alice|bob)@example\.test\W+[A-Za-z0-9]{12,}")]
    private static partial Regex Password();
}
