using System.Collections.Immutable;
using System.Text;
using BenchmarkDotNet.Attributes;
using MailCluster.Shared;
using MailCluster.Shared.Mime;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;
using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;

namespace MailCluster.Benchmarks;

/// <summary>
/// The parsers: paths, parameters and a header section alone, and whole command lines through a session. For one core:
/// taskset -c 1 dotnet run -c Release --project benchmarks -- --filter '*Grammar*' --job short --inProcess
/// </summary>
[MemoryDiagnoser]
public class GrammarBenchmarks
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 2, 0, 0, TimeSpan.Zero);

    private static readonly SmtpAnswer Known =
        new SmtpAnswer.Recipient(new RecipientVerdict.Local([new MailboxId(1)]));

    private static readonly SmtpAnswer Body =
        new SmtpAnswer.BodyReceived(new BodySummary(1024, 512, 2, 0, BodyFault.None));

    private static readonly SmtpAnswer Committed = new SmtpAnswer.Accepted(AcceptVerdict.Committed, "4711");

    private static readonly ImmutableArray<string> LocalHosts = ["mx1.example.test"];

    private readonly List<SmtpEffect> _smtpEffects = [];
    private readonly List<Pop3Effect> _pop3Effects = [];
    private SmtpSession _smtp = null!;
    private Pop3Session _pop3 = null!;
    private byte[] _header = null!;

    [GlobalSetup]
    public void Setup()
    {
        _smtp = new SmtpSession(
            new SmtpSessionOptions { HostName = "mx.test", MaxProtocolErrors = int.MaxValue },
            new SmtpConnection("192.0.2.1", null));
        _smtp.Start(Now, _smtpEffects);
        SmtpLine("EHLO client.example.test"u8);
        _pop3 = new Pop3Session(new Pop3SessionOptions { MaxProtocolErrors = int.MaxValue }, isTlsActive: false);
        _pop3.Start(Now, _pop3Effects);

        // As of a message that has come over two relays and was signed by one.
        _header = Encoding.ASCII.GetBytes(
            """
            Received: from relay.example.test (relay.example.test [192.0.2.7])
             by mx.example.test with ESMTPS id 42; Sat, 21 Nov 2026 02:00:00 +0000
            Received: from client.example.test (unknown [198.51.100.3])
             by relay.example.test with ESMTPSA id 17; Sat, 21 Nov 2026 01:59:58 +0000
            DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=2026;
             bh=MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=; h=From:To:Subject:Date
            From: Somebody <somebody@example.test>
            To: Someone Else <else@example.test>
            Subject: of a length that is usual
            Date: Sat, 21 Nov 2026 01:59:57 +0000
            Message-ID: <20261121015957.4711@client.example.test>
            Content-Type: text/plain; charset=utf-8


            """.ReplaceLineEndings("\r\n"));
        Measured.Demand(PathOfMail());
        Measured.Demand(ParametersOfMail() == 1_048_576);
        Measured.Demand(HeaderSection() == 2);
        Measured.Demand(SmtpTransaction() == 250);
        Measured.Demand(SmtpUnknownCommand() == 500);
    }

    [Benchmark]
    public bool PathOfMail()
    {
        var cursor = new AsciiCursor("<christian.huber@mail.example.test>"u8);
        return MailPath.TryParseReverse(ref cursor, out _) && cursor.IsAtEnd;
    }

    [Benchmark]
    public long ParametersOfMail()
    {
        var cursor = new AsciiCursor(" SIZE=1048576 BODY=8BITMIME SMTPUTF8"u8);
        var fault = MailParameters.Parse(ref cursor, isExtended: true, offersAuth: true, out var parameters);
        return fault == EsmtpParameterFault.None ? parameters.Size : 0;
    }

    /// <summary>What the limits and the submission fix-ups have to know of a message.</summary>
    [Benchmark]
    public int HeaderSection()
    {
        var scanner = new HeaderScanner(LocalHosts);
        scanner.Add(_header);
        return scanner.IsComplete ? scanner.ReceivedFields : 0;
    }

    /// <summary>MAIL, RCPT, DATA and their answers: all that a message asks of the session.</summary>
    [Benchmark]
    public int SmtpTransaction()
    {
        SmtpLine("MAIL FROM:<somebody@example.test> SIZE=1024"u8);
        SmtpLine("RCPT TO:<else@example.test>"u8);
        SmtpAnswered(Known);
        SmtpLine("DATA"u8);
        SmtpAnswered(Body);
        return SmtpAnswered(Committed);
    }

    [Benchmark]
    public int SmtpNoop() => SmtpLine("NOOP"u8);

    [Benchmark]
    public int SmtpUnknownCommand() => SmtpLine("PROPFIND / HTTP/1.1"u8);

    [Benchmark]
    public int Pop3Capa() => Pop3Line("CAPA"u8);

    [Benchmark]
    public int Pop3CommandOfAnotherState() => Pop3Line("RETR 12"u8);

    private int SmtpLine(ReadOnlySpan<byte> line)
    {
        _smtpEffects.Clear();
        _smtp.Line(line, Now, _smtpEffects);
        return LastCode();
    }

    private int SmtpAnswered(SmtpAnswer answer)
    {
        _smtpEffects.Clear();
        _smtp.Answer(answer, Now, _smtpEffects);
        return LastCode();
    }

    private int LastCode() => _smtpEffects is [.., SmtpEffect.Reply last] ? last.Value.Code : 0;

    private int Pop3Line(ReadOnlySpan<byte> line)
    {
        _pop3Effects.Clear();
        _pop3.Line(line, Now, _pop3Effects);
        return _pop3Effects.Count;
    }
}
