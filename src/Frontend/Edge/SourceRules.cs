using System.Collections.Immutable;
using System.Net;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Edge;

/// <summary>What a binding lets a source do: one value per binding, shared by its connections.</summary>
internal sealed record SourceRules
{
    public static readonly SourceRules Everybody = new();

    private readonly AddressRanges? _accepted;
    private readonly AddressRanges? _blocked;

    /// <summary>RemoteIPRanges; empty: everybody.</summary>
    public ImmutableArray<IPNetwork> Accepted
    {
        init => _accepted = value.IsEmpty ? null : new AddressRanges(value);
    }

    /// <summary>BlockedIPRanges.</summary>
    public ImmutableArray<IPNetwork> Blocked
    {
        init => _blocked = value.IsEmpty ? null : new AddressRanges(value);
    }

    /// <summary>
    /// A gateway says 550 to a blocked address (OXSMTP-EV-17), other roles what they say to an unknown one.
    /// </summary>
    public bool IsGateway { get; init; }

    /// <summary>Connections of one source over all nodes (OXSMTP-EV-16); null: no limit.</summary>
    public int? PerSource { get; init; }

    /// <summary>1..100, of the places of the binding that are left on this node; 100: not looked at.</summary>
    public int Percentage { get; init; } = 100;

    /// <summary>Errors are held back, so the home of the source knows who owes (OXSMTP-EV-19).</summary>
    public bool Tarpits { get; init; }

    public LimitFallback WhenUnreachable { get; init; }

    public MessageRateSource MessageRateSource { get; init; }

    public int MessagesPerMinute { get; init; } = int.MaxValue;

    /// <summary>False: nothing that the home of a source knows matters here.</summary>
    public bool IsAsked => PerSource is not null || Percentage < 100 || Tarpits;

    /// <summary>The most specific range decides; of two alike the one that blocks.</summary>
    public ConnectionRefusal? Judge(IPAddress address)
    {
        var accepted = _accepted?.MostSpecific(address) ?? 0;
        var blocked = _blocked?.MostSpecific(address) ?? AddressRanges.None;
        if (blocked != AddressRanges.None && blocked >= accepted)
        {
            return IsGateway ? ConnectionRefusal.Blocked : ConnectionRefusal.NotAccepted;
        }

        return accepted == AddressRanges.None ? ConnectionRefusal.NotAccepted : null;
    }

    /// <summary>
    /// Permits that a source may hold, the new one included: the share of what is left is rounded up, so that the last
    /// places can be taken.
    /// </summary>
    /// <param name="max">Places of the binding on this node; null: no limit, and then no share of it.</param>
    /// <param name="taken">Of them, before the new connection.</param>
    public int LimitWith(int? max, int taken)
    {
        var limit = PerSource ?? int.MaxValue;
        if (max is not { } places || Percentage == 100)
        {
            return limit;
        }

        var share = ((Math.Max(places - taken, 1) * (long)Percentage) + 99) / 100;
        return (int)Math.Min(limit, share);
    }
}
