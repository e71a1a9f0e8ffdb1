using System.Text;
using MailCluster.LoadTest.Loops;

namespace MailCluster.LoadTest.Sink;

/// <summary>POP3 with an empty mailbox for whoever logs in.</summary>
internal sealed class SinkPop3(Connection connection)
{
    private const long Day = 86_400_000_000_000;

    public async Task ServeAsync()
    {
        using (connection)
        {
            connection.Patience = Day;
            connection.Write("+OK sink\r\n"u8);
            await connection.FlushAsync();
            while (await connection.FillAsync())
            {
                var goesOn = Answer();
                await connection.FlushAsync();
                if (!goesOn)
                {
                    return;
                }
            }
        }
    }

    private bool Answer()
    {
        Span<byte> verb = stackalloc byte[4];
        while (true)
        {
            verb.Clear();
            var received = connection.Received;
            var end = received.IndexOf((byte)'\n');
            if (end < 0)
            {
                return received.Length < 4096;
            }

            Ascii.ToUpper(received[..Math.Min(4, end)], verb, out _);
            connection.Take(end + 1);
            if (verb.SequenceEqual("STAT"u8))
            {
                connection.Write("+OK 0 0\r\n"u8);
            }
            else if (verb.SequenceEqual("LIST"u8) || verb.SequenceEqual("UIDL"u8))
            {
                connection.Write("+OK\r\n.\r\n"u8);
            }
            else if (verb.SequenceEqual("QUIT"u8))
            {
                connection.Write("+OK bye\r\n"u8);
                return false;
            }
            else
            {
                connection.Write("+OK\r\n"u8);
            }
        }
    }
}
