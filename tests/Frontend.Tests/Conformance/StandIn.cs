using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MailCluster.Frontend.Conformance;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>
/// A server that answers as the requirements say, but for its lies: a pattern of what it was asked, and the reply.
/// What it was asked is the line of the client, or in parentheses what happened.
/// </summary>
internal abstract class StandIn : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly IReadOnlyDictionary<string, string> _lies;
    private readonly Task _accepting;

    protected StandIn(IReadOnlyDictionary<string, string> lies)
    {
        _lies = lies;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Place Place => new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);

    /// <summary>Null where time is the system's: then nothing takes any.</summary>
    public ManualTime? Time { get; init; }

    protected abstract Task ServeAsync(Conversation client);

    protected string Answer(string asked, string honest) =>
        _lies.FirstOrDefault(lie => Regex.IsMatch(asked, lie.Key)).Value ?? honest;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync(_stop.Token);
                _ = TalkAsync(new Conversation(socket));
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task TalkAsync(Conversation client)
    {
        using var end = client;
        try
        {
            await ServeAsync(client);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException
            or System.Security.Authentication.AuthenticationException)
        {
            // The client has left.
        }
    }
}
