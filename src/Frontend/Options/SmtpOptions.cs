using System.Collections.Immutable;

namespace MailCluster.Frontend.Options;

public sealed record SmtpOptions(ImmutableArray<SmtpBindingOptions> Bindings)
{
    internal static SmtpOptions Read(OptionReader reader) => new(reader.Sections(
        "Bindings",
        "gateway, submission and submissions on loopback, as ./run.sh has them",
        "The SMTP listeners. Without a file: gateway 2525, submission 2587 and submissions 2465 (implicit TLS) on 127.0.0.1 and [::1], "
            + "unprivileged and reachable by nobody else, so that a first start does no harm. A list that is given replaces all three.",
        [
            SmtpBindingOptions.Demo("gateway", SmtpRole.Gateway, BindingTls.StartTls, 2525),
            SmtpBindingOptions.Demo("submission", SmtpRole.Submission, BindingTls.StartTls, 2587),
            SmtpBindingOptions.Demo("submissions", SmtpRole.Submission, BindingTls.Implicit, 2465),
        ],
        SmtpBindingOptions.Read));
}
