using System.Net;
using MailCluster.LoadTest.Loops;

namespace MailCluster.LoadTest.Sink;

/// <summary>
/// A server that takes all mail and keeps none, with empty mailboxes for everybody: what is measured against it is
/// the generator.
/// </summary>
public sealed class SinkServer : IDisposable
{
    private readonly EventLoop _loop;
    private readonly Listener _smtp;
    private readonly Listener _pop3;

    public SinkServer(IPEndPoint smtp, IPEndPoint pop3, TimeProvider time)
    {
        _loop = new EventLoop(time);
        _smtp = new Listener(_loop, smtp, connection => _ = new SinkSmtp(connection).ServeAsync());
        _pop3 = new Listener(_loop, pop3, connection => _ = new SinkPop3(connection).ServeAsync());
    }

    public IPEndPoint Smtp => _smtp.Endpoint;

    public IPEndPoint Pop3 => _pop3.Endpoint;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _loop.Post(_smtp.Start);
        _loop.Post(_pop3.Start);
        var turns = _loop.Start("sink");
        await using (cancellationToken.Register(_loop.Stop))
        {
            await turns;
        }
    }

    /// <summary>After its end.</summary>
    public void Dispose() => _loop.Dispose();
}
