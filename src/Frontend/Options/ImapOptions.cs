using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

/// <summary>IMAP: accepted so that a configuration written today stays valid; not in force yet.</summary>
public sealed record ImapOptions(
    ImmutableArray<AccessBindingOptions> Bindings,
    LoginType LoginType,
    TimeSpan PreAuthenticatedConnectionTimeout,
    TimeSpan AuthenticatedConnectionTimeout,
    int MaxCommandSize)
{
    internal static ImapOptions Read(OptionReader reader) => new(
        reader.Sections("Bindings", "[]", "The IMAP listeners; none until IMAP is built.", [],
            item => AccessBindingOptions.Read(item, "imap", 2143)),
        reader.Choice("LoginType", LoginType.SecureLogin, "As for POP3."),
        reader.Duration(
            "PreAuthenticatedConnectionTimeout", TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1), TimeSpan.FromDays(1),
            "Without a command before login; Exchange's default."),
        reader.Duration(
            "AuthenticatedConnectionTimeout", TimeSpan.FromMinutes(30), TimeSpan.FromSeconds(1), TimeSpan.FromDays(1),
            "Without a command after login (RFC 9051 §5.4: at least 30 minutes)."),
        reader.Number(
            "MaxCommandSize", 10_240, 1024, 16_384, "Octets of a command without its literals; Exchange's default."));
}
