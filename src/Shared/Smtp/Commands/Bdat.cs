using System.Diagnostics;
using System.Globalization;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Smtp.Commands;

/// <summary>
/// RFC 3030 §2. bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CRLF; end-marker = "LAST". So many octets follow at
/// once,
/// so an error is told only when they have been read.
/// </summary>
internal static class Bdat
{
    public static readonly SmtpCommandSpec Spec = SmtpCommandSpec.For<Arguments>(
        "BDAT", SmtpStates.Recipients | SmtpStates.Chunks, SmtpCommandTraits.JudgesState, Parse, Execute);

    private static SmtpEffect.Reply? Parse(SmtpContext context, ReadOnlySpan<byte> text, out Arguments arguments)
    {
        var cursor = new AsciiCursor(text);
        cursor.SkipSpaces();
        var digits = cursor.TakeWhile(AsciiSets.Digits);
        arguments = default;
        if (digits.IsEmpty)
        {
            return SmtpReplies.BadArguments;
        }

        var isInRange = long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var octets);
        var isLast = false;
        if (!cursor.IsAtEnd)
        {
            var spaces = cursor.SkipSpaces();
            isLast = spaces > 0 && cursor.TryTakeWord("LAST"u8);
            if (!isLast || !cursor.IsAtEnd)
            {
                // Whoever sends a size sends octets: they are read away before the syntax error is told.
                arguments = new(octets, false, isInRange, SmtpReplies.BadArguments);
                return null;
            }
        }

        arguments = new(octets, isLast, isInRange, null);
        return null;
    }

    private static void Execute(SmtpContext context, Arguments arguments)
    {
        if (!arguments.IsInRange)
        {
            // What follows cannot be told from commands any more; going on would be an invitation to smuggle.
            context.EndByError(SmtpReplies.LostSynchronisation, ConnectionEndReason.ProtocolErrors);
            return;
        }

        var (refusal, isCounted) = Judge(context, arguments);
        if (refusal is not null)
        {
            context.RefuseChunk(refusal, isCounted, arguments.Octets, arguments.IsLast, Dropped);
            return;
        }

        context.KeepChunk(arguments.Octets, arguments.IsLast, arguments.IsLast ? ReceivedLast : Received);
    }

    private static (SmtpEffect.Reply? Refusal, bool IsCounted) Judge(SmtpContext context, Arguments arguments)
    {
        if (context.ChunksRefused is { } earlier)
        {
            return (earlier, false);
        }

        if (arguments.Fault is { } fault)
        {
            return (fault, true);
        }

        if (context.State == SmtpStates.Mail && context.TriedRecipient)
        {
            return (SmtpReplies.NoValidRecipients, false);
        }

        if ((context.State & Spec.States) == 0 || !context.IsExtended)
        {
            return (SmtpReplies.BadSequence, !context.MailRefused);
        }

        return arguments.Octets > context.Options.MaxMessageSize - context.ChunkOctets
            ? (SmtpReplies.MessageTooBig, false)
            : (null, false);
    }

    private static void Dropped(SmtpContext context, SmtpAnswer answer)
    {
        if (answer is not SmtpAnswer.ChunkDropped)
        {
            throw new UnreachableException();
        }

        context.TellChunkRefusal();
    }

    private static void Received(SmtpContext context, SmtpAnswer answer)
    {
        var summary = answer is SmtpAnswer.BodyReceived { Summary: var body } ? body : throw new UnreachableException();
        var refusal = summary.Octets > context.Options.MaxMessageSize ? SmtpReplies.MessageTooBig
            : MessageVerdict.Fault(summary.Fault);
        if (refusal is not null)
        {
            context.ResetTransaction();
            context.ChunksRefused = refusal;
            context.Refuse(refusal);
            return;
        }

        context.Reply(new SmtpReply(
            250, "2.0.0", context.ChunkOctets.ToString(CultureInfo.InvariantCulture) + " octets received"));
    }

    private static void ReceivedLast(SmtpContext context, SmtpAnswer answer)
    {
        var summary = answer is SmtpAnswer.BodyReceived { Summary: var body } ? body : throw new UnreachableException();
        MessageVerdict.Judge(context, summary);
    }

    /// <param name="Fault">Told after the chunk.</param>
    private readonly record struct Arguments(long Octets, bool IsLast, bool IsInRange, SmtpEffect.Reply? Fault);
}
