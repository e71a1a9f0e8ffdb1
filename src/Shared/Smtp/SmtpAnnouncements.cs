using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Smtp;

/// <summary>What a binding says of itself, rendered once: greeting, EHLO, HELO, HELP.</summary>
internal sealed class SmtpAnnouncements
{
    // By SaslChannel.
    private readonly ImmutableArray<ImmutableArray<string>> _mechanisms;
    private readonly ImmutableArray<SmtpEffect.Reply> _ehlo;
    private readonly FrozenDictionary<string, SmtpEffect.Reply> _supported;

    public SmtpAnnouncements(SmtpSessionOptions options)
    {
        _mechanisms =
        [
            .. Enum.GetValues<SaslChannel>().Select(channel => options.AuthMechanisms
                .Where(name => SaslMechanisms.Fits(name, channel, options.RequireTlsForPlaintextAuth))
                .ToImmutableArray()),
        ];
        _ehlo = [.. _mechanisms.Select((names, channel) => RenderEhlo(options, names, (SaslChannel)channel))];
        _supported = options.SaslSupportedText.Distinct(StringComparer.Ordinal).ToFrozenDictionary(
            x => x, x => new SmtpEffect.Reply(new SmtpReply(334, null, x + " supported")), StringComparer.Ordinal);
        Greeting = new(new SmtpReply(220, null, $"{options.HostName} {options.Banner ?? "ESMTP MailCluster"}"));
        Helo = new(new SmtpReply(250, null, options.HostName));
        Help = new(new SmtpReply(214, "2.0.0", "Commands:", string.Join(' ', SmtpCommandTable.Verbs)));
    }

    /// <summary>RFC 5321 §4.2.4: the host name first.</summary>
    public SmtpEffect.Reply Greeting { get; }

    public SmtpEffect.Reply Helo { get; }

    public SmtpEffect.Reply Help { get; }

    /// <summary>RFC 5321 §4.1.1.1; STARTTLS is gone once TLS is active (RFC 3207 §4.2).</summary>
    public SmtpEffect.Reply Ehlo(SaslChannel channel) => _ehlo[(int)channel];

    public bool Offers(string mechanism, SaslChannel channel) => _mechanisms[(int)channel].Contains(mechanism);

    public bool OffersAny => _mechanisms[(int)SaslChannel.BoundTls].Length > 0;

    /// <summary>"334 NTLM supported" in place of the empty challenge, or null (OXSMTP-SASL-01..03).</summary>
    public SmtpEffect.Reply? SupportedText(string mechanism) => _supported.GetValueOrDefault(mechanism);

    private static SmtpEffect.Reply RenderEhlo(
        SmtpSessionOptions options, ImmutableArray<string> mechanisms, SaslChannel channel)
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
        if (options.OffersStartTls && channel == SaslChannel.Clear)
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
