using System.Runtime.CompilerServices;
using MailCluster.Testing;
using Xunit;

namespace MailCluster.Shared.Tests.Pop3;

/// <summary>
/// tests/Transcripts/pop3: what the server says to the letter, however its input is cut.
/// MAILCLUSTER_REWRITE_TRANSCRIPTS=1 rewrites the files; commit that only when you understand what changed.
/// </summary>
public sealed class Pop3TranscriptTests
{
    private static readonly string Root =
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", ".."));

    private static readonly string Folder = Path.Combine(Root, "tests", "Transcripts", "pop3");

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Folder, "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)!)
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_is_played_back_to_the_letter(string name)
    {
        var path = Path.Combine(Folder, name + ".txt");
        var expected = File.ReadAllText(path);

        var played = TranscriptRunner.Play(expected, new Pop3TranscriptPeer(), TranscriptPlay.Lines);

        if (Environment.GetEnvironmentVariable("MAILCLUSTER_REWRITE_TRANSCRIPTS") == "1")
        {
            File.WriteAllText(path, played);
            return;
        }

        Assert.Contains("\nS: ", expected, StringComparison.Ordinal);
        Assert.StartsWith("# RFC ", expected, StringComparison.Ordinal);
        Assert.Equal(expected, played);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Transcript_does_not_depend_on_how_the_input_is_cut(string name)
    {
        var expected = File.ReadAllText(Path.Combine(Folder, name + ".txt"));

        foreach (var play in (TranscriptPlay[])[TranscriptPlay.BytePerSegment, TranscriptPlay.Dribble])
        {
            Assert.Equal(expected, TranscriptRunner.Play(expected, new Pop3TranscriptPeer(), play));
        }

        if (TranscriptRunner.CanBePipelined(expected))
        {
            Assert.Equal(
                TranscriptRunner.Outputs(expected),
                TranscriptRunner.Play(expected, new Pop3TranscriptPeer(), TranscriptPlay.Pipelined));
        }
    }

    [Fact]
    public void Every_command_file_has_a_transcript()
    {
        var commands = Directory.GetFiles(Path.Combine(Root, "src", "Shared", "Pop3", "Commands"), "*.cs")
            .Select(path => Path.GetFileNameWithoutExtension(path).ToLowerInvariant());

        Assert.Empty(commands.Except(Names.Select(row => row.Data), StringComparer.Ordinal));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
