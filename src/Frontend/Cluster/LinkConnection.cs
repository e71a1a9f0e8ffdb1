using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using Google.Protobuf;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Frontend.Edge;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace MailCluster.Frontend.Cluster;

/// <summary>One TCP connection between nodes, under TLS or not: the pipes, and the frames of the handshake.</summary>
internal sealed class LinkConnection : IAsyncDisposable
{
    /// <summary>Of a Hello or a Refusal: who is not known yet may not have more kept.</summary>
    private const int FirstFrameOctetsMax = 4096;

    /// <summary>TCP_NOTSENT_LOWAT of Linux.</summary>
    private const int NotSentLowWater = 25;

    private readonly ConnectionContext _transport;
    private readonly SslStream? _tls;
    private readonly bool _isOurs;

    private LinkConnection(ConnectionContext transport, SslStream? tls, bool isOurs)
    {
        _transport = transport;
        _tls = tls;
        _isOurs = isOurs;
        Input = tls is null
            ? transport.Transport.Input
            : PipeReader.Create(tls, new StreamPipeReaderOptions(bufferSize: 32 * 1024, useZeroByteReads: true));
        Output = tls is null
            ? transport.Transport.Output
            : PipeWriter.Create(tls, new StreamPipeWriterOptions(minimumBufferSize: 16 * 1024));
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    /// <param name="credentials">Null: no TLS.</param>
    /// <param name="host">Of the peer when it is dialled; null: it was accepted.</param>
    public static async Task<LinkConnection> SecureAsync(
        ConnectionContext transport, LinkCredentials? credentials, string? host, CancellationToken cancellationToken)
    {
        KeepLittleInKernel(transport.Features.Get<IConnectionSocketFeature>()?.Socket);
        if (credentials is null)
        {
            return new(transport, null, host is not null);
        }

        var tls = new SslStream(
            new DuplexPipeStream(transport.Transport.Input, transport.Transport.Output), leaveInnerStreamOpen: true);
        try
        {
            await credentials.AuthenticateAsync(tls, host is not null, host ?? "", cancellationToken)
                .ConfigureAwait(false);
            return new(transport, tls, host is not null);
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task SendFirstAsync(LinkFrameKind kind, IMessage message, CancellationToken cancellationToken)
    {
        var octets = message.CalculateSize();
        var frame = Output.GetSpan(LinkFraming.HeaderOctets + octets)[..(LinkFraming.HeaderOctets + octets)];
        LinkFraming.WriteHeader(frame, kind, octets);
        message.WriteTo(frame[LinkFraming.HeaderOctets..]);
        Output.Advance(frame.Length);
        await Output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The peer's Hello; throws <see cref="LinkFaultException"/> when something else comes.</summary>
    public async Task<Hello> ReceiveHelloAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var read = await Input.ReadAsync(cancellationToken).ConfigureAwait(false);
            var buffer = read.Buffer;
            var result = LinkFraming.Read(ref buffer, FirstFrameOctetsMax, out var kind, out var message);
            if (result == FramingResult.Frame)
            {
                try
                {
                    return Understand(kind, message);
                }
                finally
                {
                    Input.AdvanceTo(buffer.Start);
                }
            }

            Input.AdvanceTo(buffer.Start, buffer.End);
            if (result != FramingResult.Incomplete)
            {
                throw new LinkFaultException(LinkFault.NotALink, $"the first frame is {result}");
            }

            if (read.IsCompleted)
            {
                throw new LinkFaultException(LinkFault.ClosedEarly, "end of stream");
            }
        }
    }

    public void Abort()
    {
        _transport.Abort();
        try
        {
            Output.CancelPendingFlush();
            Input.CancelPendingRead();
        }
        catch (ObjectDisposedException)
        {
            // The link ended by itself meanwhile: a pipe over TLS has given back what it cancels with.
        }
    }

    /// <summary>Closes what was dialled; what was accepted is closed by the server when the handler returns.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_tls is not null)
        {
            await Input.CompleteAsync().ConfigureAwait(false);
            await _tls.DisposeAsync().ConfigureAwait(false);
        }

        if (_isOurs)
        {
            await _transport.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static Hello Understand(LinkFrameKind kind, ReadOnlySequence<byte> message)
    {
        try
        {
            switch (kind)
            {
                case LinkFrameKind.Hello:
                    return Hello.Parser.ParseFrom(message);
                case LinkFrameKind.Refusal:
                    var refusal = Refusal.Parser.ParseFrom(message);
                    throw new LinkFaultException(
                        LinkFaults.Of(refusal.Reason), $"as that node sees this one; it speaks wire versions "
                        + $"{refusal.OldestWireVersion} to {refusal.NewestWireVersion}");
                default:
                    throw new LinkFaultException(LinkFault.NotALink, $"the first frame is {kind}");
            }
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new LinkFaultException(LinkFault.NotALink, e.Message, e);
        }
    }

    /// <summary>
    /// At most 128 KiB wait unsent in the kernel, so that an ask does not stand behind megabytes of bulk there. Only
    /// Linux can say so.
    /// </summary>
    private static void KeepLittleInKernel(Socket? socket)
    {
        if (socket is null || !OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            Span<byte> octets = stackalloc byte[sizeof(int)];
            BitConverter.TryWriteBytes(octets, 128 * 1024);
            socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, NotSentLowWater, octets);
        }
        catch (SocketException)
        {
            // It is faster with it and right without.
        }
    }
}
