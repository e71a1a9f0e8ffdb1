using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Pop3.Commands;

/// <summary>
/// UTF8. RFC 6856 §2.1. No arguments; AUTHORIZATION only. From here on RETR and TOP send messages with UTF-8 in their
/// header as well (RFC 6532). USER of the capability: names and passwords may be UTF-8, before this command too (§2.2).
/// </summary>
internal static class Utf8
{
    public static readonly Pop3CommandSpec Spec = new(
        "UTF8", Pop3States.Authorization, Pop3CommandTraits.NoArguments, Execute,
        (options, channel) => options.AllowsPassword(channel != SaslChannel.Clear) ? "UTF8 USER" : "UTF8");

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects)
    {
        session.IsUtf8 = true;
        effects.Add(Pop3Replies.Utf8Enabled);
    }
}
