using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace MailCluster.Frontend.Tests.Cluster;

/// <summary>Stands between a dialling node and its peer, and can be cut, or be silent without an end.</summary>
internal sealed class Cable : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<TcpClient> _ends = [];
    private readonly int _port;
    private readonly Task _accepting;
    private volatile TaskCompletionSource? _frozen;

    public Cable(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => FormattableString.Invariant($"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Connections made through it so far.</summary>
    public int Connections => _ends.Count / 2;

    /// <summary>Both ends see a reset.</summary>
    public void Cut()
    {
        foreach (var end in _ends)
        {
            end.Client.Close(0);
        }
    }

    /// <summary>Octets wait, in both directions, and nobody is told.</summary>
    public void Freeze() => _frozen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Thaw()
    {
        var frozen = _frozen;
        _frozen = null;
        frozen?.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        Thaw();
        Cut();
        _listener.Stop();
        await _accepting;
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        var passing = new List<Task>();
        try
        {
            while (true)
            {
                var near = await _listener.AcceptTcpClientAsync(_end.Token);
                var far = new TcpClient { NoDelay = true };
                near.NoDelay = true;
                await far.ConnectAsync(IPAddress.Loopback, _port, _end.Token);
                _ends.Add(near);
                _ends.Add(far);
                passing.Add(PassAsync(near, far));
                passing.Add(PassAsync(far, near));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            var (input, output) = (from.GetStream(), to.GetStream());
            int read;
            while ((read = await input.ReadAsync(buffer, _end.Token)) > 0)
            {
                if (_frozen is { } frozen)
                {
                    await frozen.Task;
                }

                await output.WriteAsync(buffer.AsMemory(0, read), _end.Token);
            }

            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (
            e is IOException or SocketException or OperationCanceledException or ObjectDisposedException
                or InvalidOperationException)
        {
            // Cut.
        }
    }
}
