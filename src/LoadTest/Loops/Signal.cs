using System.Runtime.CompilerServices;

namespace MailCluster.LoadTest.Loops;

/// <summary>What one asynchronous method of a loop waits for; it goes on where the signal is given.</summary>
internal sealed class Signal : ICriticalNotifyCompletion
{
    private Action? _waiting;

    public bool IsAwaited => _waiting is not null;

    public bool IsCompleted => false;

    public Signal GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => _waiting = continuation;

    public void UnsafeOnCompleted(Action continuation) => _waiting = continuation;

    /// <summary>Without a method that waits nothing happens; nothing is remembered.</summary>
    public void Give()
    {
        var waiting = _waiting;
        _waiting = null;
        waiting?.Invoke();
    }
}
