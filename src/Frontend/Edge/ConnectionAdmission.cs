using MailCluster.Actors.Limits;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Edge;

/// <summary>What a connection was given at its beginning and gives back at its end.</summary>
/// <param name="Refusal">Null: it is served.</param>
/// <param name="IsOwing">Its greeting waits for an error of an earlier connection (OXSMTP-EV-19).</param>
internal readonly record struct Place(ConnectionRefusal? Refusal, bool IsInBinding, bool HasPermit, bool IsOwing);

/// <summary>
/// Who is let in: what this node can tell by itself first, then one ask to the home of the source (I6). Places
/// are per node, counts of a source are over all nodes.
/// </summary>
internal sealed class ConnectionAdmission(SourceLimits limits, ResourceWatch resources, NodeStatus status)
{
    private long _connections;

    /// <summary>Names a connection in its permit; never given twice by this process.</summary>
    public long NextConnection() => Interlocked.Increment(ref _connections);

    /// <summary>Once, when the client's address is known; whatever comes of it goes to <see cref="Leave"/>.</summary>
    public async ValueTask<Place> EnterAsync(ClientConnection connection, BindingEdge binding)
    {
        if (status.IsDraining)
        {
            return new(ConnectionRefusal.Draining, false, false, false);
        }

        if (binding.Sources.Judge(connection.Remote.Address) is { } notWanted)
        {
            return new(notWanted, false, false, false);
        }

        if (binding.RefusesWhenShort && resources.IsShort)
        {
            return new(ConnectionRefusal.OutOfResources, false, false, false);
        }

        if (!binding.Places.TryEnter(out var before))
        {
            return new(ConnectionRefusal.BindingFull, false, false, false);
        }

        if (!binding.Sources.IsAsked)
        {
            return new(null, true, false, false);
        }

        var limit = binding.Sources.LimitWith(binding.Places.Max, before);
        var admission = await limits.AdmitAsync(binding.Scope, connection.Source, connection.Id, limit)
            .ConfigureAwait(false);
        return admission switch
        {
            Admission.Admitted => new(null, true, true, false),
            Admission.AdmittedOwing => new(null, true, true, binding.Sources.Tarpits),
            Admission.TooMany => TurnAway(binding, ConnectionRefusal.SourceFull),
            _ when binding.Sources.WhenUnreachable == LimitFallback.Admit => LetIn(connection, binding, limit),
            _ => TurnAway(binding, ConnectionRefusal.LimitUnknown),
        };
    }

    public void Leave(ClientConnection connection, BindingEdge binding, in Place place)
    {
        if (place.HasPermit)
        {
            limits.Release(binding.Scope, connection.Source, connection.Id);
        }

        if (place.IsInBinding)
        {
            binding.Places.Leave();
        }
    }

    /// <summary>
    /// Without leave, at most as many as the source may have in all; they count as soon as the home is there.
    /// </summary>
    private Place LetIn(ClientConnection connection, BindingEdge binding, int limit) =>
        limits.TryHoldUnasked(binding.Scope, connection.Source, connection.Id, limit)
            ? new(null, true, true, false)
            : TurnAway(binding, ConnectionRefusal.SourceFull);

    /// <summary>
    /// Its place is free at once: a source that has all its permits must not fill the binding with connections that are
    /// slow to hear so, in a handshake for example.
    /// </summary>
    private static Place TurnAway(BindingEdge binding, ConnectionRefusal why)
    {
        binding.Places.Leave();
        return new(why, false, false, false);
    }
}
