using System.Buffers;
using System.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>
/// Lines wait here for one writer thread, so that no connection ever waits for the output. Bounded: as it fills, Debug
/// is dropped from half on, Information from seven eighths, the rest when it is full; how many were dropped is said
/// once there is room.
/// </summary>
internal sealed class LogQueue : IDisposable
{
    /// <summary>
    /// How long lines gather before they are written together: a write costs as much as the formatting of several
    /// lines.
    /// </summary>
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);

    private readonly Lock _gate = new();
    private readonly Stream _output;
    private readonly int _linesMax;
    private readonly ManualResetEventSlim _filled = new(false);
    private readonly ManualResetEventSlim _stopping = new(false);
    private readonly Thread _writer;
    private ArrayBufferWriter<byte> _waiting = new(64 * 1024);
    private ArrayBufferWriter<byte> _writing = new(64 * 1024);
    private int _lines;
    private long _dropped;

    public LogQueue(Stream output, int linesMax)
    {
        _output = output;
        _linesMax = linesMax;
        _writer = new Thread(Run) { IsBackground = true, Name = "log" };
        _writer.Start();
    }

    /// <summary>Takes a line that ends in LF, or drops it.</summary>
    public void Add(LogLevel level, StringBuilder line)
    {
        lock (_gate)
        {
            if (!TryTake(level))
            {
                return;
            }

            foreach (var chunk in line.GetChunks())
            {
                var target = _waiting.GetSpan(Encoding.UTF8.GetMaxByteCount(chunk.Length));
                _waiting.Advance(Encoding.UTF8.GetBytes(chunk.Span, target));
            }
        }

        _filled.Set();
    }

    /// <summary>The same in UTF-8.</summary>
    public void Add(LogLevel level, ReadOnlySpan<byte> line)
    {
        lock (_gate)
        {
            if (!TryTake(level))
            {
                return;
            }

            _waiting.Write(line);
        }

        _filled.Set();
    }

    /// <summary>Writes what waits.</summary>
    public void Dispose()
    {
        _stopping.Set();
        _filled.Set();
        // A reader that went away must not hold the process.
        if (_writer.Join(TimeSpan.FromSeconds(2)))
        {
            _filled.Dispose();
            _stopping.Dispose();
        }
    }

    private bool TryTake(LogLevel level)
    {
        if (_lines >= Room(level))
        {
            _dropped++;
            return false;
        }

        _lines++;
        return true;
    }

    private int Room(LogLevel level) => level switch
    {
        <= LogLevel.Debug => _linesMax / 2,
        LogLevel.Information => _linesMax - (_linesMax / 8),
        _ => _linesMax,
    };

    private void Run()
    {
        while (!_stopping.IsSet)
        {
            _filled.Wait();
            _stopping.Wait(Gathering);
            _filled.Reset();
            Flush();
        }

        Flush();
    }

    private void Flush()
    {
        long dropped;
        lock (_gate)
        {
            (_waiting, _writing) = (_writing, _waiting);
            dropped = _dropped;
            _dropped = 0;
            _lines = 0;
        }

        try
        {
            _output.Write(_writing.WrittenSpan);
            if (dropped > 0)
            {
                _output.Write(
                    Encoding.UTF8.GetBytes($"# {dropped} log lines were dropped: the output is slower than the log\n"));
            }

            _output.Flush();
        }
        catch (IOException)
        {
            // Nobody reads: a log has nowhere else to go, and the node serves mail without one.
        }

        _writing.ResetWrittenCount();
    }
}
