using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// RFC 4648 §4 as RFC 4954 §4 and RFC 5034 §4 read it: what is taken has nothing foreign in it and means one thing.
/// </summary>
public sealed class SaslBase64Target : IFuzzTarget
{
    public static string Name => "sasl-base64";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        if (!SaslBase64.TryDecode(input, out var octets))
        {
            Check.That(octets.Length == 0, "what is refused gives nothing");
            return;
        }

        Check.That(input.Length % 4 == 0 && !input.ContainsAny(" \t\r\n"u8), "no white space, whole groups");
        var padding = input.Length == 0 ? 0 : input.Length - input.TrimEnd((byte)'=').Length;
        Check.That(octets.Length == (input.Length / 4 * 3) - padding, "every group gives its octets");
        var again = System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(octets));
        Check.That(
            SaslBase64.TryDecode(again, out var same) && same.AsSpan().SequenceEqual(octets),
            "written again it is the same");
    }
}
