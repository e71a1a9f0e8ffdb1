namespace MailCluster.Shared.Pop3.Commands;

/// <summary>NOOP. RFC 1939 §5.</summary>
internal static class Noop
{
    public static readonly Pop3CommandSpec Spec = new(
        "NOOP", Pop3States.Transaction, Pop3CommandTraits.NoArguments, Execute);

    private static void Execute(Pop3Session session, Pop3Arguments arguments, List<Pop3Effect> effects) =>
        effects.Add(Pop3Replies.Ok);
}
