using System.Buffers;
using System.Text;
using BenchmarkDotNet.Attributes;
using MailCluster.Shared.Wire;
using MailCluster.Testing;

namespace MailCluster.Benchmarks;

/// <summary>
/// Framing: lines of commands, the dots of a message in both directions, the header of a proxy. For one core:
/// taskset -c 1 dotnet run -c Release --project benchmarks -- --filter '*Wire*' --job short --inProcess
/// </summary>
[MemoryDiagnoser]
public class WireBenchmarks
{
    private const int Lines = 1000;
    private const int LineOctetsMax = 2048;
    private const int SegmentOctets = 23;

    private readonly byte[] _output = new byte[256 * 1024];
    private ReadOnlySequence<byte> _lines;
    private ReadOnlySequence<byte> _split;
    private byte[] _message = null!;
    private ReadOnlySequence<byte> _proxy;

    [GlobalSetup]
    public void Setup()
    {
        var commands = Encoding.ASCII.GetBytes(
            string.Concat(Enumerable.Repeat("RCPT TO:<someone@example.test>\r\n", Lines)));
        _lines = new ReadOnlySequence<byte>(commands);
        _split = SegmentSplitter.Split(
            commands, Enumerable.Repeat(SegmentOctets, commands.Length / SegmentOctets).ToArray());
        _proxy = new ReadOnlySequence<byte>("PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"u8.ToArray());

        // 64 KiB in lines of 72 octets, each tenth of which begins with a dot, and the end of DATA.
        var text = new StringBuilder();
        for (var line = 0; text.Length < 64 * 1024; line++)
        {
            text.Append(line % 10 == 0 ? ".." : "xx").Append('x', 68).Append("\r\n");
        }

        _message = Encoding.ASCII.GetBytes(text.Append(".\r\n").ToString());
        Measured.Demand(LinesInOnePiece() == Lines);
        Measured.Demand(LinesInPieces() == Lines);
        Measured.Demand(Unstuff64KiB() > 60_000);
        Measured.Demand(Stuff64KiB() > _message.Length);
        Measured.Demand(ProxyHeaderOfText() == ProxyHeaderStatus.Complete);
    }

    [Benchmark(OperationsPerInvoke = Lines)]
    public int LinesInOnePiece() => Count(_lines);

    /// <summary>No segment holds a whole line.</summary>
    [Benchmark(OperationsPerInvoke = Lines)]
    public int LinesInPieces() => Count(_split);

    [Benchmark]
    public int Unstuff64KiB()
    {
        var unstuffer = default(DotUnstuffer);
        return unstuffer.Decode(_message, _output, out _, out var written) ? written : 0;
    }

    [Benchmark]
    public int Stuff64KiB()
    {
        var stuffer = new DotStuffer(normalizeBareLf: true);
        stuffer.Encode(_message, _output, out _, out var written);
        return written + stuffer.Finish(_output.AsSpan(written));
    }

    [Benchmark]
    public ProxyHeaderStatus ProxyHeaderOfText() => ProxyHeader.TryParse(_proxy, out _, out _);

    private static int Count(ReadOnlySequence<byte> buffer)
    {
        var framer = default(LineFramer);
        var count = 0;
        while (framer.TryRead(buffer, LineOctetsMax, out _, out var consumed, out var fault)
            && fault == LineFault.None)
        {
            buffer = buffer.Slice(consumed);
            count++;
        }

        return count;
    }
}
