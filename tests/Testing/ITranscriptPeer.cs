using System.Buffers;

namespace MailCluster.Testing;

/// <summary>A session with an edge around it that needs no network: what a transcript is played against.</summary>
public interface ITranscriptPeer
{
    /// <param name="settings">Of the transcript's "options:" line.</param>
    void Start(IReadOnlyDictionary<string, string> settings);

    /// <summary>Takes what it can.</summary>
    /// <returns>Up to where the input is done with.</returns>
    SequencePosition Feed(in ReadOnlySequence<byte> input);

    /// <summary>What is no octet: a time-out, a drain (lines that begin with "!: ").</summary>
    void Happen(string what);

    /// <summary>Lines "S: …" and "E: …" since the last call.</summary>
    IReadOnlyList<string> TakeOutput();
}
