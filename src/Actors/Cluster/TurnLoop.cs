using System.Collections.Concurrent;
using System.Threading.Channels;

namespace MailCluster.Actors.Cluster;

/// <summary>Short actions of one owner, one at a time, in the order they came.</summary>
/// <param name="afterwards">Run after each batch of them.</param>
/// <param name="failed">Told of what an action threw; the loop goes on.</param>
internal sealed class TurnLoop(Action afterwards, Action<Exception> failed)
{
    /// <summary>Hints beyond are dropped: the next look at the table says the same.</summary>
    private const int HintsMax = 256;

    private readonly ConcurrentQueue<Action> _turns = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>For the ends of what the owner itself began: as many as that.</summary>
    public void Post(Action turn)
    {
        _turns.Enqueue(turn);
        _wake.Writer.TryWrite(true);
    }

    /// <summary>For what comes from outside. False: dropped.</summary>
    public bool TryPost(Action turn)
    {
        if (_turns.Count >= HintsMax)
        {
            return false;
        }

        Post(turn);
        return true;
    }

    public void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>Until <see cref="End"/>; what was posted before that is run.</summary>
    public async Task RunAsync()
    {
        while (await _wake.Reader.WaitToReadAsync())
        {
            _wake.Reader.TryRead(out _);
            while (_turns.TryDequeue(out var turn))
            {
                Run(turn);
            }

            Run(afterwards);
        }
    }

    public void End() => _wake.Writer.TryComplete();

    private void Run(Action action)
    {
        try
        {
            action();
        }
        catch (Exception failure)
        {
            // Whatever it is: a node whose membership stands still is worse than one turn that was not done.
            failed(failure);
        }
    }
}
