using System.Collections.Immutable;
using System.Net;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>What a run does; read by <see cref="ScenarioFile"/>, told in words by <see cref="ScenarioText"/>.</summary>
public sealed record Scenario
{
    public required string Name { get; init; }

    public string About { get; init; } = "";

    public required TimeSpan Duration { get; init; }

    /// <summary>The same seed gives the same arrivals, sizes and users.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>False: the server is known to throw mail away.</summary>
    public bool Checks { get; init; } = true;

    public required ImmutableArray<Target> Targets { get; init; }

    public required UserPlan Users { get; init; }

    public required SourcePlan Sources { get; init; }

    public required SizePlan Sizes { get; init; }

    public required ImmutableArray<ClientPlan> Clients { get; init; }
}

/// <summary>A node: where each of its services is; null: it has none.</summary>
public sealed record Target
{
    public IPEndPoint? Smtp { get; init; }

    public IPEndPoint? Submission { get; init; }

    public IPEndPoint? Submissions { get; init; }

    public IPEndPoint? Pop3 { get; init; }

    public IPEndPoint? Pop3s { get; init; }

    public Uri? Admin { get; init; }
}

/// <param name="Tenants">Customers, each with one domain: "load1.test", "load2.test" for "load{0}.test".</param>
/// <param name="Password">Null: made for each run and set by the admin API.</param>
/// <param name="Makes">They are made by the admin API before the run.</param>
public sealed record UserPlan(int Count, int Tenants, string Name, string Domain, string? Password, bool Makes);

/// <param name="Addresses">Loopback addresses that connections come from; 0: the system's choice.</param>
/// <param name="Proxied">Sources that a PROXY v2 header names; 0: no header.</param>
public sealed record SourcePlan(IPAddress First, int Addresses, IPAddress ProxiedFirst, int Proxied);

/// <param name="Bins">Octets up to and how many; a size is drawn evenly within its bin.</param>
/// <param name="Source">Where the histogram was published.</param>
public sealed record SizePlan(string Source, ImmutableArray<SizeBin> Bins);

public readonly record struct SizeBin(int UpTo, double Weight);

public enum ClientKind
{
    Inbound,
    Submission,
    Pop3,
    Idle,
    Slow,
    Hostile,
}

public enum ConnectionUse
{
    Kept,
    Each,
}

public enum ArrivalKind
{
    Poisson,
    Even,
    Bursts,
}

/// <param name="Steps">How long and how many a second; shortened and lengthened with the run.</param>
/// <param name="Burst">Arrivals that come at once; 1 without bursts.</param>
public sealed record ArrivalPlan(ArrivalKind Kind, ImmutableArray<ArrivalStep> Steps, int Burst)
{
    public double RateMax => Steps.Max(step => step.Rate);
}

public readonly record struct ArrivalStep(TimeSpan For, double Rate);

/// <summary>One kind of client with its own arrivals and figures.</summary>
public sealed record ClientPlan
{
    public required string Name { get; init; }

    public required ClientKind Kind { get; init; }

    /// <summary>Null for clients that are there all the time.</summary>
    public ArrivalPlan? Arrivals { get; init; }

    /// <summary>Of idle and slow clients; of kept connections.</summary>
    public int Count { get; init; }

    public ConnectionUse Connections { get; init; } = ConnectionUse.Each;

    /// <summary>Share of connections under TLS, 0 to 1.</summary>
    public double Tls { get; init; }

    /// <summary>Recipients of a message: 1 to this, the greater the rarer.</summary>
    public int RecipientsMax { get; init; } = 1;

    /// <summary>Share of retrieved messages that are marked.</summary>
    public double Delete { get; init; }

    /// <summary>Share of POP3 sessions that end without QUIT, marks and all.</summary>
    public double Abandon { get; init; }

    /// <summary>Messages that a POP3 session retrieves at most, newest first.</summary>
    public int RetrieveMax { get; init; } = 10;

    public double OctetsPerSecond { get; init; } = 20;

    /// <summary>Of an idle client: pop3 instead of SMTP.</summary>
    public bool IdlesInPop3 { get; init; }

    /// <summary>Operations at once; what arrives beyond is counted as not begun.</summary>
    public int InFlightMax { get; init; } = 10_000;

    /// <summary>Sizes of its own, or null: the scenario's.</summary>
    public SizePlan? Sizes { get; init; }

    /// <summary>Of which tenant (from 1) the users are; 0: of all.</summary>
    public int Tenant { get; init; }

    /// <summary>MAIL to the end of the body of the next message are sent before the replies to them are read.</summary>
    public bool Pipelines { get; init; } = true;
}
