using System.Buffers.Text;

namespace MailCluster.Frontend.Observability;

/// <summary>
/// A small file of the kernel's with figures in it. Read once a second for as long as the node lives, so into a buffer
/// that stays.
/// </summary>
/// <param name="path">May name a file that is not there.</param>
internal sealed class FigureFile(string path)
{
    /// <summary>Above what /proc/self/status and memory.stat have; a line beyond it is not looked at.</summary>
    private const int OctetsMax = 8 * 1024;

    private readonly byte[] _buffer = new byte[OctetsMax];
    private int _length;

    public bool Exists => File.Exists(path);

    /// <exception cref="IOException">It cannot be read.</exception>
    public FigureFile Read()
    {
        using var file = File.OpenHandle(path);
        _length = 0;
        // The kernel gives some files a line at a time.
        while (_length < OctetsMax && RandomAccess.Read(file, _buffer.AsSpan(_length), _length) is > 0 and var octets)
        {
            _length += octets;
        }

        return this;
    }

    /// <summary>The one number that the file is; null when it is a word ("max").</summary>
    public long? Number() => Parse(_buffer.AsSpan(0, _length));

    /// <summary>Of the line that begins with this name: "name 1234", "Name:   1234 kB".</summary>
    /// <exception cref="IOException">There is none.</exception>
    public long Number(ReadOnlySpan<byte> name)
    {
        var lines = _buffer.AsSpan(0, _length);
        foreach (var range in MemoryExtensions.Split(lines, (byte)'\n'))
        {
            var line = lines[range];
            if (line.StartsWith(name) && line.Length > name.Length && line[name.Length] is (byte)' ' or (byte)'\t'
                && Parse(line[name.Length..]) is { } figure)
            {
                return figure;
            }
        }

        throw new IOException($"{path} has no figure of {System.Text.Encoding.ASCII.GetString(name)}");
    }

    /// <summary>Above the range, which is how cgroup v1 says "none": the largest number.</summary>
    private static long? Parse(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text.Trim(" \t\n"u8), out ulong figure, out _)
            ? (long)Math.Min(figure, long.MaxValue) : null;
}
