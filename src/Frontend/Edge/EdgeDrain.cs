using System.Runtime.InteropServices;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using MailCluster.Shared;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// The first thing of a stop (I7): not ready any more, sessions are told, transactions run to their end; what is left
/// after DrainTimeout, or at a second signal, is cut with its last line. Listeners close only after that, so a late
/// client hears 421 and no reset. In a cluster other nodes become home of its mailboxes at once, and the sessions that
/// are left here ask them there.
/// </summary>
/// <param name="shards">Null: a lone node has nobody to give its mailboxes to.</param>
internal sealed class EdgeDrain(
    NodeStatus status, IdleClock clock, MailClusterOptions options, TimeProvider time, ILogger<EdgeDrain> log,
    IShardDrain? shards = null)
    : IHostedLifecycleService, IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastLines = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _hurry = new();
    private readonly List<PosixSignalRegistration> _signals = [];

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM])
        {
            _signals.Add(PosixSignalRegistration.Create(signal, _ =>
            {
                if (status.IsDraining)
                {
                    _hurry.Cancel();
                }
            }));
        }

        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        status.Drain();
        var started = time.GetTimestamp();
        EdgeLog.DrainStarted(log, clock.Count, options.Node.DrainTimeout);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _hurry.Token);
        var longest = options.Node.DrainTimeout > LastLines ? options.Node.DrainTimeout : LastLines;
        using var tooLate = new CancellationTokenSource(longest, time);
        using var handingOver = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, tooLate.Token);
        var handedOver = shards?.HandOverAsync(handingOver.Token) ?? Task.CompletedTask;
        while (clock.Count > 0 && time.GetElapsedTime(started) < options.Node.DrainTimeout
            && !enough.IsCancellationRequested)
        {
            // Again and again: an idle client is sent away once its grace is over.
            clock.RequestDrain();
            await WaitAsync(enough.Token).ConfigureAwait(false);
        }

        var cut = clock.Count;
        clock.ExpireAll(ConnectionEndReason.Draining);
        var late = time.GetTimestamp();
        while (clock.Count > 0 && time.GetElapsedTime(late) < LastLines)
        {
            await WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }

        await handedOver.ConfigureAwait(false);
        EdgeLog.DrainEnded(log, time.GetElapsedTime(started).TotalSeconds, cut);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _hurry.Dispose();
        foreach (var signal in _signals)
        {
            signal.Dispose();
        }
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Hurried: the caller looks.
        }
    }
}
