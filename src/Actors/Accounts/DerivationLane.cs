using MailCluster.Shared.Accounts;

namespace MailCluster.Actors.Accounts;

/// <summary>
/// Password derivations take milliseconds of a core, so they run on threads of their own, few and behind a bounded
/// queue: a storm of logins delays logins, not the sessions on the thread pool. The threads start with the first
/// derivation.
/// </summary>
public sealed class DerivationLane : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Question> _questions = new();
    private readonly SemaphoreSlim _waiting = new(0);
    private readonly int _threads;
    private readonly int _queueMax;
    private bool _started;
    private bool _disposed;

    /// <param name="threads">Derivations at one time; at least 1.</param>
    /// <param name="queueMax">Questions that wait; at least 1.</param>
    public DerivationLane(int threads, int queueMax)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(queueMax, 1);
        _threads = threads;
        _queueMax = queueMax;
    }

    /// <summary>Is this the password? Null when the queue is full or the lane has ended.</summary>
    public Task<bool>? TryMatch(ScramKeys keys, string password)
    {
        var question = new Question(keys, password);
        lock (_gate)
        {
            if (_disposed || _questions.Count >= _queueMax)
            {
                return null;
            }

            if (!_started)
            {
                _started = true;
                Start();
            }

            _questions.Enqueue(question);
        }

        _waiting.Release();
        return question.Answer.Task;
    }

    /// <summary>Those who wait are cancelled; the threads end by themselves.</summary>
    public void Dispose()
    {
        Question[] left;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            left = [.. _questions];
            _questions.Clear();
        }

        foreach (var question in left)
        {
            question.Answer.TrySetCanceled();
        }

        _waiting.Release(_threads);
    }

    private void Start()
    {
        for (var i = 0; i < _threads; i++)
        {
            new Thread(Run) { IsBackground = true, Name = $"derivation {i}" }.Start();
        }
    }

    private void Run()
    {
        while (true)
        {
            _waiting.Wait();
            Question? question;
            lock (_gate)
            {
                if (_disposed)
                {
                    return;
                }

                _questions.TryDequeue(out question);
            }

            question?.Run();
        }
    }

    private sealed class Question(ScramKeys keys, string password)
    {
        public TaskCompletionSource<bool> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Run()
        {
            try
            {
                Answer.TrySetResult(ScramSha256.Matches(keys, password));
            }
            catch (Exception failure)
            {
                // A bug of ours or a broken row: the asker's to report, and no reason to lose the thread.
                Answer.TrySetException(failure);
            }
        }
    }
}
