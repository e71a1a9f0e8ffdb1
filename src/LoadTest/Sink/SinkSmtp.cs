using System.Text;
using MailCluster.LoadTest.Loops;

namespace MailCluster.LoadTest.Sink;

/// <summary>SMTP as far as a well-behaved client can tell.</summary>
internal sealed class SinkSmtp(Connection connection)
{
    private const long Day = 86_400_000_000_000;

    private bool _inBody;

    /// <summary>Of the end of a body, how many octets of CRLF.CRLF came last; a body begins after a CRLF.</summary>
    private int _matched;

    public async Task ServeAsync()
    {
        using (connection)
        {
            connection.Patience = Day;
            connection.Write("220 sink ESMTP\r\n"u8);
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

    /// <summary>Answers all that is whole, in one piece.</summary>
    private bool Answer()
    {
        while (true)
        {
            var received = connection.Received;
            if (_inBody)
            {
                var end = EndOfBody(received);
                if (end < 0)
                {
                    connection.Take(received.Length);
                    return true;
                }

                connection.Take(end);
                _inBody = false;
                connection.Write("250 2.0.0 OK queued as sink\r\n"u8);
                continue;
            }

            var line = received.IndexOf((byte)'\n');
            if (line < 0)
            {
                return received.Length < 4096;
            }

            var goesOn = Answer(received[..line]);
            connection.Take(line + 1);
            if (!goesOn)
            {
                return false;
            }
        }
    }

    private bool Answer(ReadOnlySpan<byte> line)
    {
        Span<byte> verb = stackalloc byte[4];
        Ascii.ToUpper(line[..Math.Min(4, line.Length)], verb, out _);
        if (verb.SequenceEqual("EHLO"u8))
        {
            connection.Write("250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"u8);
        }
        else if (verb.SequenceEqual("DATA"u8))
        {
            connection.Write("354 go on\r\n"u8);
            _inBody = true;
            _matched = 2;
        }
        else if (verb.SequenceEqual("QUIT"u8))
        {
            connection.Write("221 2.0.0 bye\r\n"u8);
            return false;
        }
        else if (verb.SequenceEqual("AUTH"u8))
        {
            connection.Write("235 2.7.0 come in\r\n"u8);
        }
        else
        {
            connection.Write("250 2.0.0 OK\r\n"u8);
        }

        return true;
    }

    /// <summary>Octets to behind the dot's CRLF; -1: not yet.</summary>
    private int EndOfBody(ReadOnlySpan<byte> octets)
    {
        var end = "\r\n.\r\n"u8;
        for (var at = 0; at < octets.Length; at++)
        {
            if (_matched == 0)
            {
                var skipped = octets[at..].IndexOf((byte)'\r');
                if (skipped < 0)
                {
                    return -1;
                }

                at += skipped;
            }

            _matched = octets[at] == end[_matched] ? _matched + 1 : octets[at] == '\r' ? 1 : 0;
            if (_matched == end.Length)
            {
                _matched = 0;
                return at + 1;
            }
        }

        return -1;
    }
}
