using System.Collections.Immutable;
using MailCluster.Shared.Smtp.Commands;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp;

/// <summary>
/// THE list of commands: one row each, with its rules as columns. HELP, the refusals of order and the names in metrics
/// come from here.
/// </summary>
internal static class SmtpCommandTable
{
    public const string UnknownName = "unknown";
    public const string SaslName = "SASL";

    private const int VerbOctetsMax = 8;

    private static readonly ImmutableArray<SmtpCommandSpec> Rows =
    [
        Ehlo.Spec, Helo.Spec, Mail.Spec, Rcpt.Spec, Data.Spec, Bdat.Spec, Rset.Spec, Noop.Spec, Quit.Spec,
        StartTls.Spec, Auth.Spec, Vrfy.Spec, Expn.Spec, Help.Spec,
    ];

    private static readonly ImmutableArray<ulong> Keys =
        [.. Rows.Select(x => Key(System.Text.Encoding.ASCII.GetBytes(x.Verb)))];

    public static IEnumerable<string> Verbs => Rows.Select(x => x.Verb);

    /// <summary>
    /// command = verb [SP arguments] (RFC 5321 §2.4, §4.1.1); white space at the end is tolerated (§4.1.1).
    /// </summary>
    /// <returns>The name for metrics.</returns>
    public static string Run(SmtpContext context, ReadOnlySpan<byte> line)
    {
        var text = line.TrimEnd(" \t"u8);
        var space = text.IndexOf((byte)' ');
        var verb = space < 0 ? text : text[..space];
        var spec = Find(verb);
        if (spec is null)
        {
            var isWord = !verb.IsEmpty && AsciiSets.IsAll(verb, AsciiSets.Keyword);
            context.Refuse(context.State == SmtpStates.Refused ? SmtpReplies.BadSequence
                : isWord ? SmtpReplies.UnknownCommand : SmtpReplies.BadSyntax);
            return UnknownName;
        }

        Run(context, spec, space < 0 ? [] : text[(space + 1)..]);
        return spec.Verb;
    }

    private static void Run(SmtpContext context, SmtpCommandSpec spec, ReadOnlySpan<byte> arguments)
    {
        var traits = spec.Traits;
        if ((traits & SmtpCommandTraits.JudgesState) == 0 && (spec.States & context.State) == 0)
        {
            if (context.MailRefused)
            {
                context.RefuseUncounted(SmtpReplies.BadSequence);
                return;
            }

            context.Refuse(SmtpReplies.BadSequence);
        }
        else if ((traits & SmtpCommandTraits.NoArguments) != 0 && !arguments.IsEmpty)
        {
            context.Refuse(SmtpReplies.BadArguments);
        }
        else if ((traits & SmtpCommandTraits.NeedsEhlo) != 0 && !context.IsExtended)
        {
            context.Refuse(SmtpReplies.BadSequence);
        }
        else if ((traits & SmtpCommandTraits.NeedsAuthenticationOnSubmission) != 0
            && context is { User: null, Options.Role: SmtpRole.Submission })
        {
            context.MailRefused = true;
            context.Refuse(SmtpReplies.AuthenticationRequired);
        }
        else
        {
            spec.Run(context, arguments);
        }
    }

    private static SmtpCommandSpec? Find(ReadOnlySpan<byte> verb)
    {
        if (verb.Length is 0 or > VerbOctetsMax)
        {
            return null;
        }

        var row = Keys.AsSpan().IndexOf(Key(verb));
        return row < 0 ? null : Rows[row];
    }

    /// <summary>
    /// Up to eight octets as one number, letters in upper case (RFC 5321 §2.4: verbs are not case-sensitive).
    /// </summary>
    private static ulong Key(ReadOnlySpan<byte> verb)
    {
        ulong key = 0;
        foreach (var octet in verb)
        {
            key = (key << 8) | (octet is >= (byte)'a' and <= (byte)'z' ? octet - 32u : octet);
        }

        return key;
    }
}
