using System.Net;
using System.Runtime.InteropServices;

namespace MailCluster.LoadTest.Loops;

/// <summary>Accepts connections on a loop; for the sink.</summary>
internal sealed class Listener : IPollable
{
    private const int Backlog = 4096;

    private readonly EventLoop _loop;
    private readonly Action<Connection> _accepted;
    private readonly int _descriptor;

    public Listener(EventLoop loop, IPEndPoint endpoint, Action<Connection> accepted)
    {
        _loop = loop;
        _accepted = accepted;
        var address = endpoint.Serialize();
        _descriptor = EventLoop.Checked(Libc.Socket(
            endpoint.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? 10 : 2,
            Libc.StreamNonBlocking, 0), "socket");
        var one = 1;
        _ = Libc.SetOption(_descriptor, Libc.SolSocket, Libc.SoReuseAddress, ref one, sizeof(int));
        if (Libc.Bind(_descriptor, ref address.Buffer.Span[0], address.Size) < 0
            || Libc.Listen(_descriptor, Backlog) < 0)
        {
            throw new LoadFaultException(
                $"{endpoint}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}. Give the sink another port, or 0.");
        }

        var length = address.Size;
        _ = Libc.GetSocketName(_descriptor, ref address.Buffer.Span[0], ref length);
        Endpoint = (IPEndPoint)endpoint.Create(address);
    }

    /// <summary>With the port that the system chose.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>On the loop, which closes it at its end.</summary>
    public void Start() => _loop.Add(_descriptor, this, Libc.EventIn);

    public void OnEvents(uint events)
    {
        // Level-triggered: what is not taken now is there in the next turn, after the clients had theirs.
        for (var count = 0; count < 64; count++)
        {
            var descriptor = Libc.Accept(_descriptor, 0, 0, Libc.NonBlocking | Libc.ClosesOnExec);
            if (descriptor < 0)
            {
                return;
            }

            var connection = new Connection(_loop);
            connection.Adopt(descriptor);
            _accepted(connection);
        }
    }
}
