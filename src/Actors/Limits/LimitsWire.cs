using MailCluster.Actors.Cluster.Wire;

namespace MailCluster.Actors.Limits;

/// <summary>Verdicts as they go from node to node.</summary>
internal static class LimitsWire
{
    public static Envelope Write(Admission verdict) => new()
    {
        ConnectionJudged = new ConnectionJudged
        {
            Verdict = verdict switch
            {
                Admission.Admitted => ConnectionJudged.Types.Verdict.Admitted,
                Admission.AdmittedOwing => ConnectionJudged.Types.Verdict.AdmittedOwing,
                Admission.TooMany => ConnectionJudged.Types.Verdict.TooMany,
                _ => ConnectionJudged.Types.Verdict.Unreachable,
            },
        },
    };

    public static Admission AdmissionOf(Envelope answer) => answer.ConnectionJudged?.Verdict switch
    {
        ConnectionJudged.Types.Verdict.Admitted => Admission.Admitted,
        ConnectionJudged.Types.Verdict.AdmittedOwing => Admission.AdmittedOwing,
        ConnectionJudged.Types.Verdict.TooMany => Admission.TooMany,
        _ => Admission.Unreachable,
    };

    public static Envelope Write(RateVerdict verdict) => new()
    {
        MessageCounted = new MessageCounted
        {
            Verdict = verdict switch
            {
                RateVerdict.Taken => MessageCounted.Types.Verdict.Taken,
                RateVerdict.Exceeded => MessageCounted.Types.Verdict.Exceeded,
                _ => MessageCounted.Types.Verdict.Unreachable,
            },
        },
    };

    public static RateVerdict RateOf(Envelope answer) => answer.MessageCounted?.Verdict switch
    {
        MessageCounted.Types.Verdict.Taken => RateVerdict.Taken,
        MessageCounted.Types.Verdict.Exceeded => RateVerdict.Exceeded,
        _ => RateVerdict.Unreachable,
    };

    public static Envelope Write(LogonVerdict verdict) => new()
    {
        LogonJudged = new LogonJudged
        {
            DelayMilliseconds = (long)verdict.Delay.TotalMilliseconds,
            IsRefused = verdict.IsRefused,
            IsKnown = verdict.IsKnown,
        },
    };

    public static LogonVerdict LogonOf(Envelope answer) => answer.LogonJudged is { } judged
        ? new(TimeSpan.FromMilliseconds(judged.DelayMilliseconds), judged.IsRefused, judged.IsKnown)
        : LogonVerdict.Free;
}
