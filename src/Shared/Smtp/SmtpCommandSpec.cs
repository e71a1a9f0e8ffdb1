namespace MailCluster.Shared.Smtp;

/// <summary>Rules of a command that are not states.</summary>
[Flags]
internal enum SmtpCommandTraits
{
    None = 0,

    /// <summary>501 5.5.4 when anything follows the verb.</summary>
    NoArguments = 1,

    /// <summary>Only after EHLO: with HELO no extension is in force (RFC 5321 §4.1.1.1).</summary>
    NeedsEhlo = 2,

    /// <summary>On a submission binding 530 5.7.0 before AUTH (RFC 6409 §4.3).</summary>
    NeedsAuthenticationOnSubmission = 4,

    /// <summary>
    /// The command judges its state itself, because octets follow that have to be read first (RFC 3030 §2).
    /// </summary>
    JudgesState = 8,
}

/// <summary>Reads what follows the verb and the space; null: it is well-formed.</summary>
internal delegate SmtpEffect.Reply? SmtpArgumentParser<TArguments>(
    SmtpContext context, ReadOnlySpan<byte> text, out TArguments arguments)
    where TArguments : allows ref struct;

internal delegate void SmtpExecutor<TArguments>(SmtpContext context, TArguments arguments)
    where TArguments : allows ref struct;

/// <summary>One row of the command table.</summary>
internal abstract class SmtpCommandSpec(string verb, SmtpStates states, SmtpCommandTraits traits)
{
    public string Verb { get; } = verb;

    public SmtpStates States { get; } = states;

    public SmtpCommandTraits Traits { get; } = traits;

    /// <summary>Binds grammar and behaviour by type, so that neither casts nor boxes.</summary>
    public static SmtpCommandSpec For<TArguments>(
        string verb,
        SmtpStates states,
        SmtpCommandTraits traits,
        SmtpArgumentParser<TArguments> parse,
        SmtpExecutor<TArguments> execute)
        where TArguments : allows ref struct =>
        new Row<TArguments>(verb, states, traits, parse, execute);

    /// <summary>A command without arguments.</summary>
    public static SmtpCommandSpec For(
        string verb, SmtpStates states, SmtpCommandTraits traits, Action<SmtpContext> execute) =>
        new Bare(verb, states, traits | SmtpCommandTraits.NoArguments, execute);

    public abstract void Run(SmtpContext context, ReadOnlySpan<byte> arguments);

    private sealed class Row<TArguments>(
        string verb,
        SmtpStates states,
        SmtpCommandTraits traits,
        SmtpArgumentParser<TArguments> parse,
        SmtpExecutor<TArguments> execute) : SmtpCommandSpec(verb, states, traits)
        where TArguments : allows ref struct
    {
        public override void Run(SmtpContext context, ReadOnlySpan<byte> arguments)
        {
            if (parse(context, arguments, out var parsed) is { } refusal)
            {
                context.Refuse(refusal);
                return;
            }

            execute(context, parsed);
        }
    }

    private sealed class Bare(string verb, SmtpStates states, SmtpCommandTraits traits, Action<SmtpContext> execute)
        : SmtpCommandSpec(verb, states, traits)
    {
        public override void Run(SmtpContext context, ReadOnlySpan<byte> arguments) => execute(context);
    }
}
