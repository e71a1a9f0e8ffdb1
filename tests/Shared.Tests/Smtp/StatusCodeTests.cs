using System.Reflection;
using System.Runtime.CompilerServices;
using MailCluster.Shared.Smtp;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>The one table of replies against the registry of enhanced status codes (RFC 3463, RFC 5248).</summary>
public sealed class StatusCodeTests
{
    /// <summary>
    /// subject.detail of RFC 3463 §3 and of the RFCs that added to it (3886, 4468, 4865, 4954, 6531, 7505).
    /// </summary>
    private static readonly HashSet<string> Registered =
    [
        "0.0", "1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9", "1.10", "2.0", "2.1", "2.2", "2.3",
        "2.4", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "4.0", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.7",
        "5.0", "5.1", "5.2", "5.3", "5.4", "5.5", "5.6", "6.0", "6.1", "6.2", "6.3", "6.4", "6.5", "6.6", "6.7", "6.8",
        "6.9", "6.10", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "7.7", "7.8", "7.9", "7.10", "7.11", "7.12",
        "7.13", "7.14", "7.15", "7.16", "7.17", "7.18", "7.19", "7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26",
        "7.27", "7.28", "7.29", "7.30",
    ];

    public static TheoryData<string> Replies =>
    [
        .. Fields().Select(reply => reply.Name),
    ];

    [Theory]
    [MemberData(nameof(Replies))]
    [Trait("Requirement", "EX07-RFC-3463")]
    [Trait("Requirement", "EX07-RFC-2034")]
    public void Every_reply_has_a_registered_code_of_its_class(string name)
    {
        var reply = Reply(name);
        // RFC 2034 §3: no code in 3yz.
        Assert.Equal(reply.Code / 100 == 3, reply.Enhanced is null);
        if (reply.Enhanced is { } enhanced)
        {
            Assert.Equal(reply.Code / 100, enhanced[0] - '0');
            Assert.Contains(enhanced[2..], Registered);
        }
    }

    [Theory]
    [MemberData(nameof(Replies))]
    [Trait("Requirement", "EX07-RFC-3463")]
    public void Every_reply_is_said_in_a_transcript(string name)
    {
        var folder = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "Transcripts", "smtp");
        var all = string.Join('\n', Directory.GetFiles(folder, "*.txt").Select(File.ReadAllText));

        var line = "\nS: " + Reply(name).ToString().Replace("\r\n", "\n", StringComparison.Ordinal);
        Assert.Contains(line, all, StringComparison.Ordinal);
    }

    private static SmtpReply Reply(string name) =>
        ((SmtpEffect.Reply)Fields().Single(field => field.Name == name).GetValue(null)!).Value;

    private static IEnumerable<FieldInfo> Fields() =>
        typeof(SmtpSession).Assembly.GetType("MailCluster.Shared.Smtp.SmtpReplies")!
            .GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(field => field.FieldType == typeof(SmtpEffect.Reply));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
