using MailCluster.Shared.Mime;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>RFC 5322 §2.2: the same findings in every split.</summary>
public sealed class HeaderScannerTarget : IFuzzTarget
{
    public static string Name => "header-scanner";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var whole = new HeaderScanner(["mx.example.test"]);
        whole.Add(input);
        var single = new HeaderScanner(["mx.example.test"]);
        for (var i = 0; i < input.Length; i++)
        {
            single.Add(input.Slice(i, 1));
        }

        Check.That(Show(whole) == Show(single), "every split finds the same");
        Check.That(whole.HeaderOctets <= input.Length, "the header is part of the message");
        Check.That(whole.LocalReceivedFields <= whole.ReceivedFields, "a field is local at most once");
    }

    private static string Show(HeaderScanner scanner) =>
        $"{scanner.IsComplete} {scanner.HeaderOctets} {scanner.ReceivedFields} {scanner.LocalReceivedFields} " +
        $"{scanner.HasDate} {scanner.HasMessageId} {scanner.HasFrom}";
}
