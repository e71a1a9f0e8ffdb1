using System.Runtime.CompilerServices;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Smtp;

/// <summary>
/// Golden sessions (tests/Transcripts/smtp). MAILCLUSTER_REWRITE_TRANSCRIPTS=1 writes them anew: commit the change only
/// if you
/// understand what caused it.
/// </summary>
public sealed class SmtpTranscriptTests
{
    private static readonly string Folder = Path.GetFullPath(
        Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "Transcripts", "smtp"));

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Folder, "*.txt").Select(x => Path.GetFileNameWithoutExtension(x)).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_goes_as_written_line_by_line(string name)
    {
        var path = Path.Combine(Folder, name + ".txt");
        var expected = File.ReadAllText(path);
        var actual = TranscriptRunner.Play(expected, new SmtpTranscriptPeer(), TranscriptPlay.Lines);
        if (Environment.GetEnvironmentVariable("MAILCLUSTER_REWRITE_TRANSCRIPTS") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.Equal(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_goes_the_same_with_every_octet_in_its_own_segment(string name)
    {
        var expected = File.ReadAllText(Path.Combine(Folder, name + ".txt"));

        var actual = TranscriptRunner.Play(expected, new SmtpTranscriptPeer(), TranscriptPlay.BytePerSegment);
        Assert.Equal(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_goes_the_same_when_octets_come_one_by_one(string name)
    {
        var expected = File.ReadAllText(Path.Combine(Folder, name + ".txt"));
        if (expected.Contains("\nR: STARTTLS", StringComparison.Ordinal))
        {
            // What comes after the handshake belongs to TLS: octet by octet there is nothing pipelined to drop.
            return;
        }

        Assert.Equal(expected, TranscriptRunner.Play(expected, new SmtpTranscriptPeer(), TranscriptPlay.Dribble));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_gives_the_same_replies_in_the_same_order_when_pipelined(string name)
    {
        var expected = File.ReadAllText(Path.Combine(Folder, name + ".txt"));
        if (expected.Contains("\nE: StartTls", StringComparison.Ordinal) || !TranscriptRunner.CanBePipelined(expected))
        {
            return;
        }

        var actual = TranscriptRunner.Play(expected, new SmtpTranscriptPeer(), TranscriptPlay.Pipelined);
        Assert.Equal(TranscriptRunner.Outputs(expected), actual);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_names_its_clauses(string name)
    {
        var first = File.ReadLines(Path.Combine(Folder, name + ".txt")).First();

        Assert.Matches("^# .*(RFC [0-9]+ §|OXSMTP-)", first);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
