using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;

namespace MailCluster.Shared.Smtp;

/// <summary>What a binding says of itself, rendered once: greeting, EHLO, HELO, HELP.</summary>
internal sealed class SmtpAnnouncements
{
    private readonly SmtpEffect.Reply _ehloClear;
    private readonly SmtpEffect.Reply _ehloTls;
    private readonly FrozenSet<string> _clearMechanisms;
    private readonly FrozenSet<string> _tlsMechanisms;
    private readonly FrozenDictionary<string, SmtpEffect.Reply> _supported;

    public SmtpAnnouncements(SmtpSessionOptions options)
    {
        var clear = options.AuthMechanisms
            .Where(x => !options.RequireTlsForPlaintextAuth || !IsPlaintext(x))
            .ToImmutableArray();
        _clearMechanisms = clear.ToFrozenSet(StringComparer.Ordinal);
        _tlsMechanisms = options.AuthMechanisms.ToFrozenSet(StringComparer.Ordinal);
        _supported = options.SaslSupportedText.Distinct(StringComparer.Ordinal).ToFrozenDictionary(
            x => x, x => new SmtpEffect.Reply(new SmtpReply(334, null, x + " supported")), StringComparer.Ordinal);
        _ehloClear = RenderEhlo(options, clear, options.OffersStartTls);
        _ehloTls = RenderEhlo(options, options.AuthMechanisms, offersStartTls: false);
        Greeting = new(new SmtpReply(220, null, $"{options.HostName} {options.Banner ?? "ESMTP MailCluster"}"));
        Helo = new(new SmtpReply(250, null, options.HostName));
        Help = new(new SmtpReply(214, "2.0.0", "Commands:", string.Join(' ', SmtpCommandTable.Verbs)));
    }

    /// <summary>RFC 5321 §4.2.4: the host name first.</summary>
    public SmtpEffect.Reply Greeting { get; }

    public SmtpEffect.Reply Helo { get; }

    public SmtpEffect.Reply Help { get; }

    /// <summary>RFC 5321 §4.1.1.1; STARTTLS is gone once TLS is active (RFC 3207 §4.2).</summary>
    public SmtpEffect.Reply Ehlo(bool isTls) => isTls ? _ehloTls : _ehloClear;

    public bool Offers(string mechanism, bool isTls) => (isTls ? _tlsMechanisms : _clearMechanisms).Contains(mechanism);

    public bool OffersAny => _tlsMechanisms.Count > 0;

    /// <summary>"334 NTLM supported" in place of the empty challenge, or null (OXSMTP-SASL-01..03).</summary>
    public SmtpEffect.Reply? SupportedText(string mechanism) => _supported.GetValueOrDefault(mechanism);

    /// <summary>The password crosses the wire as it is (RFC 4954 §4).</summary>
    private static bool IsPlaintext(string mechanism) => mechanism is "PLAIN" or "LOGIN";

    private static SmtpEffect.Reply RenderEhlo(
        SmtpSessionOptions options, ImmutableArray<string> mechanisms, bool offersStartTls)
    {
        List<string> lines =
        [
            options.HostName,
            "PIPELINING",
            "SIZE " + options.MaxMessageSize.ToString(CultureInfo.InvariantCulture),
            "8BITMIME",
            "CHUNKING",
            "BINARYMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
        ];
        if (offersStartTls)
        {
            lines.Add("STARTTLS");
        }

        if (mechanisms.Length > 0)
        {
            lines.Add("AUTH " + string.Join(' ', mechanisms));
            if (options.AnnouncesObsoleteAuth)
            {
                lines.Add("AUTH=" + string.Join(' ', mechanisms));
            }
        }

        return new(new SmtpReply(250, null, [.. lines]));
    }
}
