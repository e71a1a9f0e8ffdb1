using System.Buffers;
using MailCluster.Shared.Wire;
using MailCluster.Testing;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// PROXY protocol §2: bounded, the same in every split, and every proper prefix of a header needs more.
/// </summary>
public sealed class ProxyHeaderTarget : IFuzzTarget
{
    public static string Name => "proxy-header";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var buffer = new ReadOnlySequence<byte>(input.ToArray());
        var status = ProxyHeader.TryParse(buffer, out var header, out var consumed);
        var length = buffer.Slice(0, consumed).Length;
        var again = ProxyHeader.TryParse(SegmentSplitter.BytePerSegment(input), out var same, out _);
        Check.That(status == again && header == same, "every split gives the same header");
        Check.That((status == ProxyHeaderStatus.Complete) == (header is not null), "a header when complete");
        Check.That(status != ProxyHeaderStatus.NeedMore || input.Length < ProxyHeader.BinaryOctetsMax, "bounded");
        for (var prefix = 0; status == ProxyHeaderStatus.Complete && prefix < length; prefix++)
        {
            var less = ProxyHeader.TryParse(buffer.Slice(0, prefix), out _, out _);
            Check.That(less == ProxyHeaderStatus.NeedMore, "a prefix needs more");
        }
    }
}
