using System.Buffers.Binary;
using System.IO.Compression;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>A PNG of 8 bits a channel, RGB or RGBA, not interlaced: what browsers write.</summary>
internal sealed class Picture
{
    private readonly byte[] _pixels;
    private readonly int _channels;

    private Picture(byte[] pixels, int width, int height, int channels)
    {
        _pixels = pixels;
        _channels = channels;
        Width = width;
        Height = height;
    }

    public int Width { get; }

    public int Height { get; }

    public static Picture Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        using MemoryStream packed = new();
        int width = 0, height = 0, channels = 0;
        for (int at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            ReadOnlySpan<byte> kind = file.AsSpan(at + 4, 4);
            ReadOnlySpan<byte> content = file.AsSpan(at + 8, length);
            if (kind.SequenceEqual("IHDR"u8))
            {
                width = BinaryPrimitives.ReadInt32BigEndian(content);
                height = BinaryPrimitives.ReadInt32BigEndian(content[4..]);
                channels = content[9] == 6 ? 4 : 3;
                Assert.True(content[8] == 8 && content[9] is 2 or 6 && content[12] == 0, "another kind of PNG");
            }
            else if (kind.SequenceEqual("IDAT"u8))
            {
                packed.Write(content);
            }

            at += length + 12;
        }

        packed.Position = 0;
        using ZLibStream unpacked = new(packed, CompressionMode.Decompress);
        return new Picture(Unfilter(unpacked, width * channels, height, channels), width, height, channels);
    }

    /// <summary>0xRRGGBB.</summary>
    public int At(int x, int y)
    {
        int at = ((y * Width) + x) * _channels;
        return (_pixels[at] << 16) | (_pixels[at + 1] << 8) | _pixels[at + 2];
    }

    public int Count(int colour)
    {
        int count = 0;
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                count += At(x, y) == colour ? 1 : 0;
            }
        }

        return count;
    }

    /// <summary>PNG (ISO/IEC 15948) §9: each line names how its octets were predicted.</summary>
    private static byte[] Unfilter(Stream lines, int size, int height, int channels)
    {
        byte[] pixels = new byte[size * height];
        byte[] line = new byte[size + 1];
        for (int y = 0; y < height; y++)
        {
            lines.ReadExactly(line);
            for (int x = 0; x < size; x++)
            {
                int left = x < channels ? 0 : pixels[(y * size) + x - channels];
                int up = y == 0 ? 0 : pixels[((y - 1) * size) + x];
                int corner = y == 0 || x < channels ? 0 : pixels[((y - 1) * size) + x - channels];
                int predicted = line[0] switch
                {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    _ => Paeth(left, up, corner),
                };
                pixels[(y * size) + x] = (byte)(line[x + 1] + predicted);
            }
        }

        return pixels;
    }

    private static int Paeth(int left, int up, int corner)
    {
        int estimate = left + up - corner;
        int toLeft = Math.Abs(estimate - left);
        int toUp = Math.Abs(estimate - up);
        int toCorner = Math.Abs(estimate - corner);
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }
}
