using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>What all clients of a run share. Lives on the loop.</summary>
internal sealed class RunContext
{
    private long _number;

    public RunContext(EventLoop loop, Scenario scenario, TargetSet targets, Population users, string run)
    {
        Loop = loop;
        Targets = targets;
        Users = users;
        Sources = new SourcePool(scenario.Sources);
        StrangeSources = new SourcePool(scenario.Sources, scenario.Sources.Addresses);
        Sizes = new SizeDistribution(scenario.Sizes);
        Message = new LoadMessage(run);
        Random = new Random(scenario.Seed);
    }

    public EventLoop Loop { get; }

    public TargetSet Targets { get; }

    public Population Users { get; }

    public SourcePool Sources { get; }

    /// <summary>Of attackers: a source that a server holds back is not one of the others.</summary>
    public SourcePool StrangeSources { get; }

    public SizeDistribution Sizes { get; }

    public LoadMessage Message { get; }

    public Random Random { get; }

    public Ledger? Ledger { get; init; }

    /// <summary>No new operation begins; those that are open end.</summary>
    public bool IsStopping { get; set; }

    /// <summary>Connections open or opening.</summary>
    public int Connections { get; set; }

    /// <summary>Operations and clients that have not ended.</summary>
    public int Running { get; private set; }

    /// <summary>What an operation threw: a fault of this program, which ends the run.</summary>
    public Exception? Fault { get; private set; }

    public long NextNumber() => ++_number;

    /// <summary>Lets an operation go on by itself.</summary>
    public void Track(Task operation)
    {
        if (operation.IsCompletedSuccessfully)
        {
            return;
        }

        Running++;
        _ = WatchAsync(operation);
    }

    private async Task WatchAsync(Task operation)
    {
        try
        {
            await operation;
        }
        catch (Exception exception)
        {
            Fault ??= exception; // once for all operations: the run says it and ends
        }

        Running--;
    }

    /// <summary>Certificates are taken as they are, and no one is fetched or asked about.</summary>
    public static SslClientAuthenticationOptions TlsOptions() => new()
    {
        TargetHost = "load.invalid",
        EnabledSslProtocols = SslProtocols.None,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
#pragma warning disable CA5359 // load is sent to servers whose certificates nobody vouches for; nothing secret is in it
        RemoteCertificateValidationCallback = (_, _, _, _) => true,
#pragma warning restore CA5359
        CertificateChainPolicy = new X509ChainPolicy
        {
            DisableCertificateDownloads = true,
            RevocationMode = X509RevocationMode.NoCheck,
            TrustMode = X509ChainTrustMode.CustomRootTrust,
        },
    };

    public SslClientAuthenticationOptions Tls { get; } = TlsOptions();
}

/// <summary>The nodes of a run; a node that was started again may have other ports.</summary>
internal sealed class TargetSet
{
    private readonly TargetAddresses[] _targets;
    private int _next;

    public TargetSet(IEnumerable<Target> targets) =>
        _targets = [.. targets.Select(target => new TargetAddresses(target))];

    public IReadOnlyList<TargetAddresses> All => _targets;

    public TargetAddresses Next()
    {
        _next = _next + 1 >= _targets.Length ? 0 : _next + 1;
        return _targets[_next];
    }

    /// <summary>On the loop.</summary>
    public void Replace(int index, Target target) => _targets[index] = new TargetAddresses(target);
}

/// <summary>A target with its addresses as the system wants them.</summary>
internal sealed class TargetAddresses(Target target)
{
    public Target Target => target;

    public SocketAddress? Smtp { get; } = target.Smtp?.Serialize();

    public SocketAddress? Submission { get; } = target.Submission?.Serialize();

    public SocketAddress? Submissions { get; } = target.Submissions?.Serialize();

    public SocketAddress? Pop3 { get; } = target.Pop3?.Serialize();

    public SocketAddress? Pop3s { get; } = target.Pop3s?.Serialize();
}
