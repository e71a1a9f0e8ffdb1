using System.Buffers.Text;
using System.Text.Json;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>
/// What a run knows about each message, in a file that is only ever appended to. Lines: "A number queue-id users..."
/// acknowledged; "I session user numbers..." a QUIT that removes them is about to be sent; "D session" it was
/// acknowledged; "S user number" retrieved and left there; "E" the run ended by itself.
/// </summary>
/// <remarks>
/// Written to the file at the end of each turn of the loop, and before a QUIT is sent, so that a generator that dies
/// never makes the check accuse a server wrongly; flushed to the disk once a second, so that a power cut of the
/// generator's machine can cost a second of it.
/// </remarks>
public sealed class Ledger : IDisposable
{
    private readonly FileStream _file;
    private byte[] _buffer = new byte[64 * 1024];
    private int _length;
    private long _sessions;
    private bool _isDirty;

    private Ledger(FileStream file) => _file = file;

    public string Path => _file.Name;

    public long Acknowledged { get; private set; }

    public static Ledger Create(string path, LedgerHead head)
    {
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.Read,
                BufferSize = 0,
            };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite; // it holds passwords
            }

            var ledger = new Ledger(new FileStream(path, options));
            ledger.Put(JsonSerializer.SerializeToUtf8Bytes(head, LedgerJson.Default.LedgerHead));
            ledger.End();
            ledger.Write();
            return ledger;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadFaultException(
                $"The ledger {path} cannot be made: {exception.Message} Name another file with --ledger.");
        }
    }

    /// <param name="queueId">As the reply named it; empty: it did not.</param>
    public void Acknowledge(long number, ReadOnlySpan<byte> queueId, ReadOnlySpan<int> users)
    {
        Put("A "u8);
        Put(number);
        Put(" "u8);
        Put(queueId.IsEmpty ? "-"u8 : queueId);
        foreach (var user in users)
        {
            Put(" "u8);
            Put(user);
        }

        End();
        Acknowledged++;
    }

    /// <summary>On disk's way before the QUIT is: written at once.</summary>
    /// <returns>Names the session for <see cref="Removed"/>.</returns>
    public long Removing(int user, ReadOnlySpan<long> numbers)
    {
        var session = ++_sessions;
        Put("I "u8);
        Put(session);
        Put(" "u8);
        Put(user);
        foreach (var number in numbers)
        {
            Put(" "u8);
            Put(number);
        }

        End();
        Write();
        return session;
    }

    public void Removed(long session)
    {
        Put("D "u8);
        Put(session);
        End();
    }

    public void Seen(int user, long number)
    {
        Put("S "u8);
        Put(user);
        Put(" "u8);
        Put(number);
        End();
    }

    public void Finish()
    {
        Put("E"u8);
        End();
        Write();
        _file.Flush(flushToDisk: true);
    }

    /// <summary>Gives the system what was noted.</summary>
    public void Write()
    {
        if (_length > 0)
        {
            _file.Write(_buffer, 0, _length);
            _length = 0;
            Volatile.Write(ref _isDirty, true);
        }
    }

    /// <summary>From another thread than the writer's, since it waits for the disk.</summary>
    public void FlushToDisk()
    {
        if (Interlocked.Exchange(ref _isDirty, false))
        {
            RandomAccess.FlushToDisk(_file.SafeFileHandle);
        }
    }

    public void Dispose() => _file.Dispose();

    private void Put(long number)
    {
        Grow(20);
        Utf8Formatter.TryFormat(number, _buffer.AsSpan(_length), out var written);
        _length += written;
    }

    private void Put(ReadOnlySpan<byte> octets)
    {
        Grow(octets.Length);
        octets.CopyTo(_buffer.AsSpan(_length));
        _length += octets.Length;
    }

    private void End() => Put("\n"u8);

    /// <summary>A line may be as long as a message has recipients; beyond 64 KiB between lines it is written.</summary>
    private void Grow(int more)
    {
        if (_buffer.Length - _length < more)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, _length + more));
        }
    }
}
