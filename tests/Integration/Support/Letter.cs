using System.Text;

namespace MailCluster.Integration.Support;

/// <param name="Kind">For the text of a failure.</param>
/// <param name="Octets">As it is sent; lines end in CRLF unless it is binary.</param>
/// <param name="IsBinary">Any octets: BODY=BINARYMIME, so by BDAT only.</param>
/// <param name="IsInternational">Header and addresses in UTF-8.</param>
internal sealed record Letter(string Kind, byte[] Octets, bool IsBinary = false, bool IsInternational = false)
{
    private const int LongLine = 100_000;

    private static readonly Func<Random, Letter>[] Kinds =
    [
        Signed, Enveloped, Encrypted, Binary, EightBit, International, LongLines, Dots, Empty, WithoutHeader,
    ];

    public static int KindCount => Kinds.Length;

    public static Letter OfKind(int kind, Random random) => Kinds[kind](random);

    /// <summary>Of exactly this size.</summary>
    public static Letter OfSize(int octets, Random random)
    {
        byte[] message = Text(random, octets);
        // A blank in front would belong to the field above it, which is a trace field of the server's.
        message[0] = (byte)'x';
        return new("large", message);
    }

    /// <summary>S/MIME in the clear (RFC 8551 §3.5): blanks at line ends and odd folding are signed as well.</summary>
    private static Letter Signed(Random random) => new("signed", Lines($"""
        From: sender@elsewhere.test
        Content-Type: multipart/signed; protocol="application/pkcs7-signature";
        {'\t'}micalg=sha-256;   boundary="b {random.Next()}"
        MIME-Version: 1.0 (odd   comment)

        preamble that nobody reads
        --b {random.Next()}
        Content-Type: text/plain

        blanks at the end {new string(' ', random.Next(10))}
        -- {new string('\t', random.Next(3))}
        {Words(random, random.Next(400))}
        --b
        Content-Type: application/pkcs7-signature; name=smime.p7s
        Content-Transfer-Encoding: base64

        {Base64(random, random.Next(4000))}
        --b--
        epilogue
        """));

    private static Letter Enveloped(Random random) => new("pkcs7-mime", Lines($"""
        From: sender@elsewhere.test
        Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m
        Content-Transfer-Encoding: base64

        {Base64(random, random.Next(60_000))}
        """));

    private static Letter Encrypted(Random random) => new("PGP/MIME", Lines($"""
        From: sender@elsewhere.test
        Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=x

        --x
        Content-Type: application/pgp-encrypted

        Version: 1
        --x
        Content-Type: application/octet-stream

        -----BEGIN PGP MESSAGE-----

        {Base64(random, random.Next(20_000))}
        =abcd
        -----END PGP MESSAGE-----
        --x--
        """));

    /// <summary>RFC 3030: NUL, lone CR, lone LF and dots at the begin of what looks like lines.</summary>
    private static Letter Binary(Random random)
    {
        byte[] body = new byte[random.Next(random.Next(2) == 0 ? 300 : 200_000)];
        random.NextBytes(body);
        ReadOnlySpan<byte> often = [0, 13, 10, 13, 10, (byte)'.', (byte)'.'];
        for (int i = 0; i < body.Length; i++)
        {
            if (random.Next(4) == 0)
            {
                body[i] = often[random.Next(often.Length)];
            }
        }

        return new(
            "binary",
            [.. Lines("Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n"), .. body],
            IsBinary: true);
    }

    private static Letter EightBit(Random random) => new(
        "8-bit",
        [.. Lines("Subject: eight\nContent-Transfer-Encoding: 8bit\n\n"), .. Text(random, random.Next(9000))]);

    private static Letter International(Random random) => new("SMTPUTF8", Lines($"""
        From: Jörg Müller <jörg@exämple.test>
        Subject: Grüße aus Köln 你好 {random.Next()}
        Content-Type: text/plain; charset=utf-8
        X-日本語: ヘッダー

        Schöne Grüße, {Words(random, random.Next(200))}
        """), IsInternational: true);

    private static Letter LongLines(Random random) => new("lines of 100,000 octets", Lines($"""
        Subject: long
        X-Long: {new string('h', random.Next(2000))}

        {new string('a', LongLine)}
        .{new string('b', LongLine - 1)}
        """));

    private static Letter Dots(Random random) => new("dots", Lines(
        "Subject: dots\n\n"
        + string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => new string('.', random.Next(4))
            + (random.Next(3) == 0 ? "text." : "") + "\n"))));

    private static Letter Empty(Random random) =>
        new("empty", Lines(
            random.Next(4) switch { 0 => "", 1 => "\n", 2 => "Subject: no body\n", _ => "X-Nothing:\n\n" }));

    private static Letter WithoutHeader(Random random) =>
        new("without a header", [.. Lines("no field, just words\n"), .. Text(random, random.Next(3000))]);

    /// <summary>Octets but NUL in lines of any length up to 998 and of exactly this size in all.</summary>
    private static byte[] Text(Random random, int octets)
    {
        byte[] text = new byte[octets];
        random.NextBytes(text);
        for (int i = 0; i < octets; i++)
        {
            text[i] = text[i] is 0 or (byte)'\r' or (byte)'\n' ? (byte)'.' : text[i];
        }

        for (int end = octets; end >= 2; end -= 2 + random.Next(random.Next(3) == 0 ? 999 : 80))
        {
            (text[end - 2], text[end - 1]) = ((byte)'\r', (byte)'\n');
        }

        return octets >= 2 ? text : [];
    }

    private static string Words(Random random, int count) =>
        string.Join(' ', Enumerable.Range(0, count).Select(_ => random.Next(100_000)));

    private static string Base64(Random random, int octets)
    {
        byte[] content = new byte[octets];
        random.NextBytes(content);
        return Convert.ToBase64String(content, Base64FormattingOptions.InsertLineBreaks);
    }

    /// <summary>Lines of ASCII or UTF-8 with their CRLF.</summary>
    private static byte[] Lines(string text) => Encoding.UTF8.GetBytes(
        (text.EndsWith('\n') || text.Length == 0 ? text : text + "\n").ReplaceLineEndings("\r\n"));
}
