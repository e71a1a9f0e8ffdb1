using System.Buffers.Binary;
using System.Text;
using MailCluster.Frontend.Sasl;
using Xunit;

namespace MailCluster.Frontend.Tests.Sasl;

public sealed class KeytabFileTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void Principals_are_read_each_once_and_removed_ones_are_not()
    {
        byte[] hole = [0xFF, 0xFF, 0xFF, 0xFC, 1, 2, 3, 4];
        Write([
            .. Entry("EXAMPLE.TEST", "smtp", "mx1.example.test"), .. hole,
            .. Entry("EXAMPLE.TEST", "smtp", "mx1.example.test"), .. Entry("EXAMPLE.TEST", "alice"),
        ]);

        Assert.Equal(
            ["smtp/mx1.example.test@EXAMPLE.TEST", "alice@EXAMPLE.TEST"], KeytabFile.ReadPrincipals(_file));
    }

    [Fact]
    public void A_file_that_is_cut_anywhere_gives_what_is_whole()
    {
        byte[] first = Entry("R", "smtp", "a");
        byte[] both = [.. first, .. Entry("R", "pop", "a")];
        for (var length = 0; length <= both.Length; length++)
        {
            Write(both[..length]);

            Assert.Equal(
                length == both.Length ? 2 : length >= first.Length ? 1 : 0, KeytabFile.ReadPrincipals(_file).Length);
        }
    }

    [Fact]
    public void Lengths_that_lie_give_nothing()
    {
        Write([0x7F, 0xFF, 0xFF, 0xFF, 0, 1]);
        Assert.Empty(KeytabFile.ReadPrincipals(_file));
        Write([0x80, 0, 0, 0, 0, 1]);
        Assert.Empty(KeytabFile.ReadPrincipals(_file));
        Write([0, 0, 0, 6, 0xFF, 0xFF, 0, 1, (byte)'R', 0]);
        Assert.Empty(KeytabFile.ReadPrincipals(_file));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\x05")]
    [InlineData("\x05\x01")]
    [InlineData("# a text")]
    public void What_is_no_keytab_is_said_to_be_none(string text)
    {
        File.WriteAllText(_file, text);

        Assert.Throws<InvalidDataException>(() => KeytabFile.ReadPrincipals(_file));
    }

    public void Dispose() => File.Delete(_file);

    private void Write(byte[] entries) => File.WriteAllBytes(_file, [5, 2, .. entries]);

    private static byte[] Entry(string realm, params string[] components)
    {
        byte[] rest =
            [0, (byte)components.Length, .. Counted(realm), .. components.SelectMany(Counted), .. new byte[15]];
        var size = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(size, rest.Length);
        return [.. size, .. rest];
    }

    private static byte[] Counted(string text) => [0, (byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
}
