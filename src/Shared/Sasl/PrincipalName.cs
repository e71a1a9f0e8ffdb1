using System.Buffers;
using MailCluster.Shared.Accounts;

namespace MailCluster.Shared.Sasl;

/// <summary>Who a security context says that the client is.</summary>
/// <param name="Text">The whole name, as the context gave it.</param>
internal sealed record PrincipalName(string User, string Realm, string Text)
{
    private const int PartLengthMax = 255;

    /// <summary>
    /// A '/' begins an instance ("alice/admin" is not alice's mailbox), '\' quotes in Kerberos; neither '\' nor a
    /// second '@' may move the border between user and realm.
    /// </summary>
    private static readonly SearchValues<char> Borders = SearchValues.Create("@\\/");

    /// <summary>RFC 1964 §2.1.1: user@REALM.</summary>
    public static PrincipalName? ParseKerberos(string text)
    {
        var at = text.LastIndexOf('@');
        return at < 0 ? null : Of(text[..at], text[(at + 1)..], text);
    }

    /// <summary>
    /// DOMAIN\user. A name without domain is nobody's: its password was compared with whatever domain came first.
    /// </summary>
    public static PrincipalName? ParseNtlm(string text)
    {
        var border = text.IndexOf('\\', StringComparison.Ordinal);
        return border < 0 ? null : Of(text[(border + 1)..], text[..border], text);
    }

    /// <summary>Null: nobody's, as a user of this realm has no domain.</summary>
    public SaslStep.FindAccount? Ask(RealmMap realms) =>
        realms.DomainOf(Realm) is { } domain ? new($"{User}@{domain}") : null;

    /// <param name="authorizationIdentity">Empty, or the client's own: as principal, as user, or as address.</param>
    public SaslStep Conclude(SaslAnswer answer, string authorizationIdentity) => answer switch
    {
        SaslAnswer.Account { Identity: { } identity } when
            SaslText.MayActAs(authorizationIdentity, Text, identity)
            || string.Equals(authorizationIdentity, User, StringComparison.OrdinalIgnoreCase) =>
            new SaslStep.Succeeded(identity),
        SaslAnswer.Account => new SaslStep.Failed(SaslFailure.BadCredentials),
        SaslAnswer.Unavailable => new SaslStep.Failed(SaslFailure.Temporary),
        _ => throw new InvalidOperationException("A question for an account is answered by an account."),
    };

    private static PrincipalName? Of(string user, string realm, string text) =>
        IsPart(user) && IsPart(realm) ? new(user, realm, text) : null;

    private static bool IsPart(string text) =>
        text.Length is > 0 and <= PartLengthMax && !text.AsSpan().ContainsAny(Borders)
        && !PasswordText.HasControl(text);
}
