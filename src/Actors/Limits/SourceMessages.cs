using MailCluster.Actors.Kernel;
using MailCluster.Shared;

namespace MailCluster.Actors.Limits;

/// <summary>What a home is asked and told.</summary>
internal abstract record SourceMessage
{
    /// <summary>A connection wants a permit; granting one that is held already changes nothing.</summary>
    public sealed record Admit(string Binding, Permit Permit, int Limit, ReplyTo<Admission> Reply)
        : SourceMessage, IUndeliverable
    {
        /// <summary>A value and no failure: what clients can cause must not cost an exception.</summary>
        public void Undelivered(AskFailure why) => Reply.Reply(Admission.Unreachable);
    }

    /// <summary>A connection has ended or was not answered; giving back what is not held changes nothing.</summary>
    /// <param name="IsOfAsk">Whose ask was not answered: what it holds without leave since then stays.</param>
    public sealed record GiveBack(Permit Permit, bool IsOfAsk) : SourceMessage;

    /// <summary>A message wants its place in the window.</summary>
    public sealed record Take(string Binding, int PerMinute, ReplyTo<RateVerdict> Reply) : SourceMessage, IUndeliverable
    {
        /// <inheritdoc cref="Admit.Undelivered"/>
        public void Undelivered(AskFailure why) => Reply.Reply(RateVerdict.Unreachable);
    }

    /// <summary>What the home waited for is known, or the home is elsewhere.</summary>
    public sealed record Settled : SourceMessage
    {
        private Settled()
        {
        }

        public static Settled Instance { get; } = new();
    }

    /// <summary>The client's next connection waits once more (OXSMTP-EV-19).</summary>
    public sealed record OweTarpit : SourceMessage
    {
        private OweTarpit()
        {
        }

        public static OweTarpit Instance { get; } = new();
    }

    /// <summary>Somebody wants to log in.</summary>
    /// <param name="From">To the home of a name: the source; null to the home of that source.</param>
    public sealed record JudgeLogon(SourceKey? From, ReplyTo<LogonVerdict> Reply) : SourceMessage, IUndeliverable
    {
        /// <summary>
        /// Nobody is kept from his mail because a count is not there; a connection's own MaxLogonFailures holds anyway.
        /// </summary>
        public void Undelivered(AskFailure why) => Reply.Reply(LogonVerdict.Free);
    }

    /// <inheritdoc cref="JudgeLogon"/>
    public sealed record LogonFailed(SourceKey? From) : SourceMessage;

    /// <summary>To the home of a name: it is known at this source now.</summary>
    public sealed record LogonSucceeded(SourceKey From) : SourceMessage;
}
