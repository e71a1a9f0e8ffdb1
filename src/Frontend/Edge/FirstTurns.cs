using System.Net.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>
/// Connections that were accepted and wait until those that are served have had a turn: in the order in which they
/// came, users before strangers. Each listener bounds how many of its own are in here. Not safe for several threads.
/// </summary>
internal sealed class FirstTurns(EdgeMetrics metrics)
{
    /// <summary>Of so many turns in a row one is a stranger's even if users wait: who was let in is served.</summary>
    private const int StrangersShare = 4;

    private readonly Queue<Waiting> _users = [];
    private readonly Queue<Waiting> _strangers = [];
    private int _turns;

    public int Count => _users.Count + _strangers.Count;

    /// <param name="since">When it came, on the clock that <see cref="Age"/> is asked by.</param>
    public void Add(MailAccept listener, Socket client, long since)
    {
        (listener.IsForStrangers ? _strangers : _users).Enqueue(new(listener, client, since));
        metrics.Waiting(listener.IsForStrangers, 1);
    }

    /// <summary>How long the next one of a kind has waited; 0: none waits.</summary>
    public long Age(bool isStranger, long now) =>
        (isStranger ? _strangers : _users).TryPeek(out var first) ? now - first.Since : 0;

    /// <summary>Lets the next one in; false: none waits.</summary>
    public bool LetNextIn()
    {
        var isStranger = _users.Count == 0 || ++_turns % StrangersShare == 0;
        if (!(isStranger ? _strangers : _users).TryDequeue(out var next) && !_users.TryDequeue(out next))
        {
            return false;
        }

        LetIn(next);
        return true;
    }

    /// <summary>Lets all of a listener in, which accepts no more.</summary>
    public void LetAllIn(MailAccept listener)
    {
        var queue = listener.IsForStrangers ? _strangers : _users;
        for (var left = queue.Count; left > 0; left--)
        {
            var one = queue.Dequeue();
            if (one.Listener == listener)
            {
                LetIn(one);
            }
            else
            {
                queue.Enqueue(one);
            }
        }
    }

    private void LetIn(in Waiting one)
    {
        metrics.Waiting(one.Listener.IsForStrangers, -1);
        one.Listener.LetIn(one.Client);
    }

    private readonly record struct Waiting(MailAccept Listener, Socket Client, long Since);
}
