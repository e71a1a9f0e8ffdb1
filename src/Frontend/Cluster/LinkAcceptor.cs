using MailCluster.Actors.Cluster.Wire;
using Microsoft.AspNetCore.Connections;

namespace MailCluster.Frontend.Cluster;

/// <summary>
/// Connections to the port of links: says nothing to anyone who has not shown that it is an expected peer.
/// </summary>
/// <param name="find">The slot of a node id; null: it is not expected.</param>
internal sealed class LinkAcceptor(
    LinkSurroundings around, LinkCredentials? credentials, LinkDialer dialer, Func<LinkIdentity?> self,
    Func<int, PeerSlot?> find)
{
    private readonly Lock _gate = new();
    private readonly long[] _warned = new long[Enum.GetValues<LinkFault>().Length];
    private int _handshakes;

    /// <summary>Until the connection is over; never fails.</summary>
    public async Task RunAsync(ConnectionContext transport)
    {
        LinkConnection? connection = null;
        try
        {
            var admitted = await AdmitAsync(transport, made => connection = made).ConfigureAwait(false);
            if (admitted is not var (slot, link))
            {
                return;
            }

            using var ended = new CancellationTokenSource();
            Task? probing = null;
            try
            {
                var running = slot.RunAsync(link);
                probing = dialer.ProbeAsync(slot, ended.Token);
                await running.ConfigureAwait(false);
            }
            finally
            {
                slot.Turnstile.Release();
                await ended.CancelAsync().ConfigureAwait(false);
                await (probing ?? Task.CompletedTask).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            LinkLog.HandshakeFault(around.Log, e);
        }
        finally
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Null: refused. Otherwise this holds the slot's turnstile.</summary>
    private async Task<(PeerSlot, NodeLink)?> AdmitAsync(ConnectionContext transport, Action<LinkConnection> made)
    {
        try
        {
            if (Interlocked.Increment(ref _handshakes) > around.Options.HandshakesMax)
            {
                throw new LinkFaultException(LinkFault.Busy, "closed without a word");
            }

            using var limit = new CancellationTokenSource(around.Options.HandshakeTimeout, around.Time);
            try
            {
                var connection = await LinkConnection.SecureAsync(transport, credentials, null, limit.Token)
                    .ConfigureAwait(false);
                made(connection);
                return await GreetAsync(connection, limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException e)
            {
                throw new LinkFaultException(
                    LinkFault.HandshakeTimeout,
                    FormattableString.Invariant($"after {around.Options.HandshakeTimeout.TotalSeconds} s"), e);
            }
            catch (IOException e)
            {
                throw new LinkFaultException(LinkFault.ClosedEarly, e.Message, e);
            }
        }
        catch (LinkFaultException e)
        {
            Refuse(transport, e);
            return null;
        }
        finally
        {
            Interlocked.Decrement(ref _handshakes);
        }
    }

    private async Task<(PeerSlot, NodeLink)> GreetAsync(LinkConnection connection, CancellationToken cancellationToken)
    {
        var hello = await connection.ReceiveHelloAsync(cancellationToken).ConfigureAwait(false);
        var slot = find(hello.Node);
        var (refusal, wireVersion) = self() is { } identity
            ? identity.Judge(hello, slot?.Row)
            : (RefusalReason.NotJoined, 0);
        if (refusal == RefusalReason.Unspecified && slot!.Dials)
        {
            refusal = RefusalReason.Direction;
        }

        if (refusal != RefusalReason.Unspecified)
        {
            await RefuseAsync(connection, refusal, cancellationToken).ConfigureAwait(false);
            throw new LinkFaultException(
                LinkFaults.Of(refusal), FormattableString.Invariant(
                    $"it says it is node {hello.Node}, incarnation {hello.Incarnation}"));
        }

        // It would not dial if it had a link; what this side still has is dead.
        slot!.Replace();
        await slot.Turnstile.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.SendFirstAsync(LinkFrameKind.Hello, slot.Self.ToHello(), cancellationToken)
                .ConfigureAwait(false);
            return (slot, new(slot, wireVersion, hello, connection, isDialled: false, around));
        }
        catch
        {
            slot.Turnstile.Release();
            throw;
        }
    }

    private async Task RefuseAsync(
        LinkConnection connection, RefusalReason reason, CancellationToken cancellationToken)
    {
        var refusal = new Refusal { Reason = reason };
        if (self() is { } identity)
        {
            refusal.OldestWireVersion = identity.OldestWireVersion;
            refusal.NewestWireVersion = identity.NewestWireVersion;
        }

        await connection.SendFirstAsync(LinkFrameKind.Refusal, refusal, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// A stranger can raise the level once per interval and kind, of which there are few; who only looks whether the
    /// port is open never does.
    /// </summary>
    private void Refuse(ConnectionContext transport, LinkFaultException fault)
    {
        around.Metrics.HandshakeRefused(fault.Fault);
        var level = LogLevel.Debug;
        lock (_gate)
        {
            ref var warned = ref _warned[(int)fault.Fault];
            if (!LinkFaults.IsPassing(fault.Fault) && fault.Fault != LinkFault.ClosedEarly
                && (warned == 0 || around.Time.GetElapsedTime(warned) >= around.Options.WarningInterval))
            {
                warned = around.Time.GetTimestamp();
                level = LogLevel.Warning;
            }
        }

        LinkLog.HandshakeRefused(around.Log, level, transport.RemoteEndPoint, fault.Message);
    }
}
