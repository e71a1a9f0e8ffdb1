using MailCluster.Actors.Kernel;
using MailCluster.Shared.Cluster;
using MailCluster.Shared.Mailboxes;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// A snapshot that comes in parts. They come on the link's thread; the answer that says how many messages there are may
/// come before or after any of them.
/// </summary>
internal sealed class IncomingMaildrop(ulong stream, NodePeer home, ReplyTo<bool> end)
{
    private readonly Lock _gate = new();
    private int _messages = -1;
    private int _parts;

    public ulong Stream => stream;

    public NodePeer Home => home;

    public MaildropPartReader Reader { get; } = new();

    /// <summary>The answer is here. All parts may be, too.</summary>
    public void Expect(int messages)
    {
        lock (_gate)
        {
            _messages = messages;
            if (_parts == 0)
            {
                Reader.Expect(messages);
            }

            Look();
        }
    }

    /// <returns>How many parts have come; 0: no more are wanted.</returns>
    public int Add(ReadOnlySpan<byte> part)
    {
        lock (_gate)
        {
            if (part.IsEmpty || !Reader.TryRead(part))
            {
                end.Fail(AskFailure.Interrupted);
                return 0;
            }

            _parts++;
            return Look() ? 0 : _parts;
        }
    }

    public void Fail() => end.Fail(AskFailure.Interrupted);

    private bool Look()
    {
        if (_messages < 0 || Reader.Count < _messages)
        {
            return false;
        }

        if (Reader.Count == _messages)
        {
            end.Reply(true);
        }
        else
        {
            end.Fail(AskFailure.Failed);
        }

        return true;
    }
}
