namespace MailCluster.Shared.Sasl;

/// <summary>What a mechanism needs from its connection and from the configuration.</summary>
/// <param name="ServerNonce">
/// Made by the shell for this one exchange: at least 128 random bits as printable US-ASCII without ',' (RFC 5802 §5.1).
/// </param>
/// <param name="OffersChannelBinding">
/// A -PLUS mechanism was advertised on this connection. Then a client that says "y" (it believes we cannot) has seen a
/// list that someone shortened (RFC 5802 §6).
/// </param>
public sealed record SaslContext(string ServerNonce, bool OffersChannelBinding = false)
{
    /// <summary>Of this connection; null: there is none, and no -PLUS mechanism can succeed.</summary>
    public ChannelBinding? Binding { get; init; }

    /// <summary>Whose mail domain a realm or NTLM domain is.</summary>
    public RealmMap Realms { get; init; } = RealmMap.Same;
}
