using MailCluster.Shared.Fuzz.Targets;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz;

public delegate void FuzzBody(ReadOnlySpan<byte> input);

/// <summary>A target as a value. A new one is one class and one line in <see cref="All"/>.</summary>
public sealed record FuzzTarget(string Name, FuzzBody Run)
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        Of<LineFramerTarget>(),
        Of<DotStuffingTarget>(),
        Of<ProxyHeaderTarget>(),
        Of<PathTarget>(),
        Of<ParametersTarget>(),
        Of<HeaderScannerTarget>(),
        Of<SmtpSessionTarget>(),
        Of<Pop3SessionTarget>(),
        Of<Pop3TopTarget>(),
        Of<SaslTarget>(),
        Of<SaslBase64Target>(),
        Of<LinkFramingTarget>(),
    ];

    /// <summary>Never empty: an input without octets is one as well.</summary>
    public IReadOnlyList<byte[]> Corpus()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Corpus", Name + ".txt");
        return [[], .. File.ReadLines(path).Where(x => x.Length > 0).Select(OctetText.Parse)];
    }

    /// <summary>Words that open doors, from all dictionaries.</summary>
    public static IReadOnlyList<byte[]> Words() =>
    [
        .. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Corpus"), "*.dict")
            .Order(StringComparer.Ordinal)
            .SelectMany(File.ReadLines)
            .Where(x => x.Length > 0)
            .Select(OctetText.Parse),
    ];

    private static FuzzTarget Of<T>()
        where T : IFuzzTarget => new(T.Name, T.Fuzz);
}
