using System.Text.RegularExpressions;
using MailCluster.Integration.Support;
using Xunit;

namespace MailCluster.Integration;

/// <summary>I1 under power loss: the order of system calls, as strace saw it.</summary>
public sealed partial class PowerLossTests
{
    private const string EndOfMessage = "last-octets-of-this-message";

    [Fact]
    public void The_write_ahead_log_is_synced_between_the_last_octet_of_a_message_and_its_250()
    {
        string[] between = BetweenMessageAndReply(Programs.MailCluster);
        Assert.Contains(between, IsCompletedSyncOf("-wal"));
    }

    [Fact]
    public void The_same_check_fails_for_a_build_that_does_not_sync()
    {
        string[] between = BetweenMessageAndReply(Programs.WithoutDurability);
        Assert.DoesNotContain(between, IsCompletedSyncOf("-wal"));
    }

    /// <summary>
    /// The system calls that returned after the message had been read and before its reply was written.
    /// </summary>
    private static string[] BetweenMessageAndReply(string program)
    {
        Tool.Require("strace");
        using Workplace workplace = new();
        string trace = workplace.File("trace");
        NodeSettings settings = new(workplace)
        {
            Program = program,
            SeedUsers = 1,
            Wrapper =
            [
                "strace", "-f", "-y", "--seccomp-bpf", "-s", "600", "-o", trace,
                "-e", "trace=fsync,fdatasync,sync_file_range,read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg",
            ],
        };
        using Node node = Node.Start(settings);
        node.Deliver(1, "Subject: before\r\n\r\nmakes the second delivery the usual case\r\n");
        node.Deliver(1, $"Subject: traced\r\n\r\n{EndOfMessage}\r\n");
        Assert.Equal(0, node.Stop());

        string[] calls = File.ReadAllLines(trace);
        int read = Array.FindLastIndex(
            calls, call => Receive().IsMatch(call) && call.Contains(EndOfMessage, StringComparison.Ordinal));
        Assert.True(read >= 0, "strace saw nobody read the message");
        int last = Array.FindIndex(
            calls, read, call => Receive().IsMatch(call) && call.Contains(@".\r\n", StringComparison.Ordinal));
        int reply = Array.FindIndex(
            calls, last + 1, call => Send().IsMatch(call) && call.Contains("\"250 ", StringComparison.Ordinal));
        Assert.True(reply > last, "strace saw nobody send the 250");
        return calls[(last + 1)..reply];
    }

    /// <summary>
    /// "fdatasync(7&lt;/data/mail.db-wal&gt;) = 0", or its end on a line of its own when another thread came between.
    /// </summary>
    private static Predicate<string> IsCompletedSyncOf(string file)
    {
        HashSet<string> begun = [];
        return call =>
        {
            string thread = call.Split(' ')[0];
            if (!call.Contains("sync(", StringComparison.Ordinal)
                && !call.Contains("sync resumed", StringComparison.Ordinal))
            {
                return false;
            }

            bool ours = call.Contains(file + ">", StringComparison.Ordinal);
            if (call.Contains("<unfinished", StringComparison.Ordinal))
            {
                if (ours)
                {
                    begun.Add(thread);
                }

                return false;
            }

            return (ours || (call.Contains("resumed", StringComparison.Ordinal) && begun.Contains(thread)))
                && call.EndsWith("= 0", StringComparison.Ordinal);
        };
    }

    [GeneratedRegex(@"\b(read|readv|recvfrom|recvmsg)(\(|\s+resumed)")]
    private static partial Regex Receive();

    [GeneratedRegex(@"\b(write|writev|sendto|sendmsg)(\(|\s+resumed)")]
    private static partial Regex Send();
}
