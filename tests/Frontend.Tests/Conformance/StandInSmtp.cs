using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>SMTP with every limit of MS-OXSMTP, small.</summary>
internal sealed class StandInSmtp(IReadOnlyDictionary<string, string> lies) : StandIn(lies)
{
    public const int HopsMax = 3;
    public const int LocalHopsMax = 1;
    public const int RecipientsMax = 4;
    public const int RateMax = 5;
    public const int HeaderMax = 4096;
    public const int SizeMax = 70_000;
    public const int ErrorsMax = 5;
    public const int LogonsMax = 3;
    public const int ConnectionsMax = 6;
    public const int PerSourceMax = 3;
    public static readonly TimeSpan Tarpit = TimeSpan.FromSeconds(5);

    private const string Type2 = "TlRMTVNTUAACAAAAAAAAADgAAAAFgomi/wAAAAAAAAAAAAAAAAAAADgAAAAA";

    private readonly ConcurrentDictionary<IPAddress, int> _sources = new();
    private int _debts;
    private int _mails;

    /// <summary>Where accepted messages go.</summary>
    public ConcurrentQueue<string> Accepted { get; } = new();

    public bool IsSubmission { get; init; }

    /// <summary>How many MAIL in a row are taken; the minute never ends.</summary>
    public bool HasRate { get; init; }

    /// <summary>How much time each command takes.</summary>
    public TimeSpan Pace { get; init; }

    public TimeSpan? SessionLasts { get; init; }

    public TimeSpan? SilenceAfterHello { get; init; }

    protected override async Task ServeAsync(Conversation client)
    {
        var ofSource = _sources.AddOrUpdate(client.Source, 1, (_, count) => count + 1);
        try
        {
            if (Time is not null && Interlocked.Exchange(ref _debts, 0) > 0)
            {
                Time.Advance(Tarpit);
            }

            var isFull = ofSource > PerSourceMax || _sources.Values.Sum() > ConnectionsMax;
            await client.SayAsync(isFull
                ? Answer("(too many connections)", "421 4.3.2 too many")
                : Answer("(greeting)", "220 stand.in ESMTP"));
            if (!isFull)
            {
                await new Session(this, client).RunAsync();
            }
        }
        finally
        {
            _sources.AddOrUpdate(client.Source, 0, (_, count) => count - 1);
        }
    }

    private sealed class Session(StandInSmtp server, Conversation client)
    {
        private readonly TimeSpan _start = server.Time?.Now ?? default;
        private bool _isGreeted;
        private bool _isLoggedOn;
        private bool _hasMail;
        private bool _isChunked;
        private bool _isBinary;
        private int _recipients;
        private int _errors;
        private int _logons;

        public async Task RunAsync()
        {
            while (await client.HearAsync() is { } line)
            {
                server.Time?.Advance(server.Pace);
                if (server.SessionLasts is { } lasts && server.Time!.Now - _start >= lasts)
                {
                    await EndAsync("(session is over)", "421 4.4.2 too long");
                    return;
                }

                var reply = server.Answer(line, await HonestAsync(line));
                if (reply[0] == '5' && !line.StartsWith('*') && ++_errors > ErrorsMax)
                {
                    reply = server.Answer("(too many errors)", "421 4.7.0 too many errors");
                }

                if (reply[0] is '4' or '5' && server.Time is not null && server.Answer("(tarpit)", "") == "")
                {
                    server.Time.Advance(Tarpit);
                    Interlocked.Exchange(ref server._debts, 1);
                }

                await client.SayAsync(reply);
                if (reply[..3] is "421" or "221")
                {
                    return;
                }

                if (line == "STARTTLS" && reply[0] == '2')
                {
                    await client.UpgradeAsync();
                    (_isGreeted, _hasMail) = (false, false);
                }

                if (_isGreeted && server.SilenceAfterHello is { } silence)
                {
                    server.Time!.Advance(silence);
                    await EndAsync("(silence)", "421 4.4.2 idle");
                    return;
                }
            }
        }

        private async Task EndAsync(string what, string reply)
        {
            if (server.Answer(what, reply) is { Length: > 0 } said)
            {
                await client.SayAsync(said);
            }
            else
            {
                await client.HearAsync();
            }
        }

        private async Task<string> HonestAsync(string line) => line.Split(' ', ':')[0].ToUpperInvariant() switch
        {
            "EHLO" => line == "EHLO" ? "501 5.5.4 who" : Hello(),
            "HELO" => Greet("250 stand.in"),
            "MAIL" => Mail(line),
            "RCPT" => Recipient(line),
            "DATA" => await DataAsync(),
            "BDAT" => await ChunkAsync(line),
            "RSET" => Reset(),
            "NOOP" => "250 2.0.0 ok",
            "QUIT" => "221 2.0.0 bye",
            "VRFY" => "252 2.1.5 perhaps",
            "EXPN" => "502 5.5.1 no",
            "HELP" => "214 2.0.0 see the RFC",
            "STARTTLS" => line != "STARTTLS" ? "501 5.5.4 no" : client.IsTls ? "503 5.5.1 again" : "220 2.0.0 go",
            "AUTH" => await AuthAsync(line.Split(' ')),
            _ => "500 5.5.1 what",
        };

        private string Greet(string reply)
        {
            (_isGreeted, _hasMail) = (true, false);
            return reply;
        }

        private string Hello() => Greet(
            $"250-stand.in\r\n250-PIPELINING\r\n250-SIZE {SizeMax}\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
            + "250-SMTPUTF8\r\n250-AUTH NTLM GSSAPI PLAIN\r\n" + (client.IsTls ? "" : "250-STARTTLS\r\n")
            + "250 ENHANCEDSTATUSCODES");

        private string Reset()
        {
            (_hasMail, _isChunked, _recipients) = (false, false, 0);
            return "250 2.0.0 ok";
        }

        private string Mail(string line)
        {
            if (!_isGreeted || _hasMail)
            {
                return "503 5.5.1 order";
            }

            var words = line.Split(' ');
            var size = words.FirstOrDefault(word => word.StartsWith("SIZE=", StringComparison.Ordinal));
            if (!line.Contains('<', StringComparison.Ordinal) || line.Count(octet => octet == '@') > 1
                || words.Any(word => word is "BODY=9BIT" or "SIZE=many" or "SMTPUTF8=1")
                || (line.Any(octet => octet > '~') && !words.Contains("SMTPUTF8")))
            {
                return "501 5.5.4 syntax";
            }

            if (server.IsSubmission && !_isLoggedOn)
            {
                return "530 5.7.0 log in";
            }

            if (size is not null && int.Parse(size.AsSpan(5), CultureInfo.InvariantCulture) > SizeMax)
            {
                return "552 5.3.4 too big";
            }

            if (server.HasRate && ++server._mails > RateMax)
            {
                return server.Answer("(rate)", "421 4.4.2 slow down");
            }

            (_hasMail, _isChunked, _recipients) = (true, false, 0);
            _isBinary = words.Contains("BODY=BINARYMIME");
            return "250 2.1.0 ok";
        }

        private string Recipient(string line) =>
            !_hasMail ? "503 5.5.1 order"
            : line.Contains("<>", StringComparison.Ordinal) ? "501 5.1.3 whom"
            : line.Contains("nobody", StringComparison.Ordinal) ? "550 5.1.1 unknown"
            : _recipients == RecipientsMax ? server.Answer("(too many recipients)", "452 4.5.3 too many")
            : Counted(++_recipients);

        private static string Counted(int _) => "250 2.1.5 ok";

        private async Task<string> ChunkAsync(string line)
        {
            var size = int.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
            await client.HearOctetsAsync(size);
            if (!_hasMail || _recipients == 0)
            {
                return "503 5.5.1 order";
            }

            _isChunked = true;
            return line.EndsWith("LAST", StringComparison.Ordinal) ? Reset() : "250 2.0.0 octets";
        }

        private async Task<string> DataAsync()
        {
            if (!_hasMail || _recipients == 0 || _isChunked || _isBinary)
            {
                return "503 5.5.1 order";
            }

            await client.SayAsync("354 go");
            var message = new StringBuilder();
            while (await client.HearAsync() is { } line && line != ".")
            {
                if (line.Contains("\n.\n", StringComparison.Ordinal)
                    && server.Answer("(LF.LF)", "") is { Length: > 0 } early)
                {
                    return early;
                }

                message.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
            }

            Reset();
            return Judge(message.ToString());
        }

        private string Judge(string message)
        {
            var header = message.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            var hops = Regex.Count(message[..header], "^Received:", RegexOptions.Multiline);
            var local = Regex.Count(message[..header], "by stand.in");
            var reply = local > LocalHopsMax ? server.Answer("(local hops)", "554 5.4.6 loop")
                : hops > HopsMax ? server.Answer("(hops)", "554 5.4.6 loop")
                : header > HeaderMax ? server.Answer("(header)", "552 5.3.4 header")
                : message.Length > SizeMax ? server.Answer("(size)", "552 5.3.4 size")
                : "250 2.0.0 taken";
            if (reply[0] == '2')
            {
                server.Accepted.Enqueue(message);
            }

            return reply;
        }

        private async Task<string> AuthAsync(string[] words)
        {
            var mechanism = words.Length > 1 ? words[1].ToUpperInvariant() : "";
            if (mechanism is not ("NTLM" or "GSSAPI" or "PLAIN"))
            {
                return "504 5.5.4 unknown";
            }

            if (_hasMail || _isLoggedOn)
            {
                return "503 5.5.1 order";
            }

            if (words.Length > 2)
            {
                return Password(words[2]);
            }

            await client.SayAsync(server.Answer(
                string.Join(' ', words), mechanism == "PLAIN" ? "334 " : $"334 {mechanism} supported"));
            var said = await client.HearAsync() ?? "";
            if (said != "*" && mechanism == "NTLM")
            {
                await client.SayAsync(server.Answer(said, $"334 {Type2}"));
                said = await client.HearAsync() ?? "";
            }

            return said == "*" ? "501 5.7.0 cancelled" : Password(said);
        }

        private string Password(string base64)
        {
            var octets = new byte[base64.Length];
            if (!Convert.TryFromBase64String(base64, octets, out var count))
            {
                return "501 5.5.2 no base64";
            }

            _isLoggedOn = Encoding.UTF8.GetString(octets, 0, count) == "\0ann@stand.in\0pw";
            return _isLoggedOn ? "235 2.7.0 in"
                : ++_logons > LogonsMax ? server.Answer("(too many logins)", "421 4.7.0 too many")
                : "535 5.7.8 wrong";
        }
    }
}
