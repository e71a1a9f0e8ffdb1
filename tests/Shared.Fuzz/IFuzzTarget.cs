namespace MailCluster.Shared.Fuzz;

/// <summary>A grammar or a session under hostile input: any exception is a finding.</summary>
public interface IFuzzTarget
{
    /// <summary>Also of its corpus, Corpus/NAME.txt.</summary>
    static abstract string Name { get; }

    static abstract void Fuzz(ReadOnlySpan<byte> input);
}
