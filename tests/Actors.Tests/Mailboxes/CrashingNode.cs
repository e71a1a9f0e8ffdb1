using MailCluster.Actors.Delivery;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Tests.Delivery;
using MailCluster.Shared;
using MailCluster.Shared.Mailboxes;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;

namespace MailCluster.Actors.Tests.Mailboxes;

/// <summary>The connection is gone with the process behind it.</summary>
internal sealed class CrashedException : Exception
{
    public CrashedException()
        : base("The process has crashed.")
    {
    }
}

/// <summary>One start of a process: once it has died, its clients hear nothing but that.</summary>
internal sealed class CrashingNode(MailboxRun run)
{
    private readonly TaskCompletionSource _crashed = new();
    private readonly Maildrops _maildrops = run.Maildrops;
    private readonly MessageAcceptor _acceptor = run.Acceptor;

    public void Die() => _crashed.SetResult();

    public Task<MaildropSnapshot?> OpenAsync(MailboxId mailbox) =>
        OrCrashAsync(_maildrops.OpenAsync(mailbox, CancellationToken.None));

    public Task<bool> DeleteAsync(Pop3Effect.Update update) =>
        OrCrashAsync(_maildrops.DeleteAsync(update.Mailbox, update.Numbers, CancellationToken.None));

    public Task<AcceptVerdict> DeliverAsync(BodyId body, params ReadOnlySpan<MailboxId> mailboxes)
    {
        var message = new AcceptedMessage(body, new byte[100], 100, 0, 103, Envelopes.To(mailboxes));
        return OrCrashAsync(_acceptor.AcceptAsync(message, TimeSpan.FromSeconds(30), CancellationToken.None));
    }

    private async Task<T> OrCrashAsync<T>(ValueTask<T> asked)
    {
        var answer = asked.AsTask();
        await Task.WhenAny(answer, _crashed.Task);
        return _crashed.Task.IsCompleted ? throw new CrashedException() : await answer;
    }
}
