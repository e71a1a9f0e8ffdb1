using System.Buffers.Binary;
using System.Security.Cryptography;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Cluster;
using MailCluster.Actors.Delivery;
using MailCluster.Actors.Kernel;
using MailCluster.Actors.Limits;
using MailCluster.Actors.Mailboxes;
using MailCluster.Actors.Storage;
using MailCluster.Frontend.Admin;
using MailCluster.Frontend.Cluster;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Storage.Sqlite;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MailCluster.Frontend;

/// <summary>Puts a node together: reads like the deployment, from the store outwards to the ports.</summary>
internal static class Composition
{
    /// <summary>An admin request is some names; this is far above any.</summary>
    private const long AdminRequestOctetsMax = 256 * 1024;

    /// <summary>Opens the store and makes every part; no port is open before <see cref="Node.StartAsync"/>.</summary>
    public static async Task<Node> OpenAsync(MailClusterOptions options, Stream logOutput, TimeProvider time)
    {
        NativeHeap.Limit();
        var foundation = Foundation.Make(options.Log, logOutput, time);
        try
        {
            var cluster = options.Store.Kind == StoreKind.PostgreSql
                ? await ClusterNode.JoinAsync(options, foundation, time, CancellationToken.None)
                : null;
            IMailStore store = cluster is null
                ? await SqliteMailStore.OpenAsync(
                    new SqliteStoreOptions { DataDirectory = options.Node.DataDirectory }, time, foundation.Loggers,
                    foundation.Meters)
                : cluster.Mail;
            try
            {
                var listeners = new List<OpenListener>();
                var app = Build(options, foundation, store, cluster, listeners, time);
                return new Node(options, foundation, store, cluster, app, listeners);
            }
            catch
            {
                await (cluster?.DisposeAsync() ?? store.DisposeAsync());
                throw;
            }
        }
        catch
        {
            foundation.Dispose();
            throw;
        }
    }

    private static WebApplication Build(
        MailClusterOptions options, Foundation foundation, IMailStore store, ClusterNode? cluster,
        List<OpenListener> listeners, TimeProvider time)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "mailcluster" });
        var services = builder.Services;
        services.AddSingleton(time);
        services.AddSingleton(foundation.Loggers);
        services.AddSingleton(foundation.Meters);
        services.AddSingleton(foundation.Exporter);
        services.AddSingleton(options);
        services.AddSingleton(store);
        services.AddSingleton(store.Directory);
        services.AddSingleton(store.Spool);
        services.AddSingleton(store.Quotas);
        services.AddSingleton(store.Committer);
        if (cluster is not null)
        {
            AddCluster(services, cluster);
        }

        AddActors(services, options, cluster);
        AddQuotas(services, options.Quota);
        AddEdge(services, options);
        AddHttp(services, options);
        services.Configure<HostOptions>(
            host => host.ShutdownTimeout = options.Node.DrainTimeout + TimeSpan.FromSeconds(30));
        services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);

        EdgeEndpoints.PreferInlineCompletions();
        builder.WebHost.UseKestrelCore().UseSockets(EdgeEndpoints.ConfigureTransport)
            .ConfigureKestrel(kestrel => Listen(kestrel, options, cluster, listeners));
        // After the transport: who is registered last is asked first.
        services.AddSingleton<IConnectionListenerFactory, MailTransport>();
        var app = builder.Build();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.MapObservability();
        app.MapAdmin();
        app.MapOpenApi();
        return app;
    }

    /// <summary>What a lone node has not: who is home, and how others are asked.</summary>
    private static void AddCluster(IServiceCollection services, ClusterNode cluster)
    {
        services.AddSingleton(cluster).AddSingleton<IShardDrain>(cluster).AddSingleton<IShardHomes>(cluster.Membership);
        services.AddSingleton<AskMetrics>().AddSingleton<MaildropMetrics>();
        services.AddSingleton(provider => new ShardAsks(
            provider.GetRequiredService<ActorSystem>(), cluster.Membership, cluster.Links, new ShardAsksOptions(),
            provider.GetRequiredService<AskMetrics>(), provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<MailResidents>();
        services.AddSingleton<IShardResidents>(provider => new ShardResidents(
            provider.GetRequiredService<MailResidents>(),
            provider.GetRequiredService<SourceLimits>().Residents
                ?? throw new InvalidOperationException("The limits of a cluster have residents.")));
    }

    private static void AddActors(IServiceCollection services, MailClusterOptions options, ClusterNode? cluster)
    {
        services.AddSingleton(provider => new ActorSystem(
            ThreadPoolScheduler.Instance, provider.GetRequiredService<TimeProvider>(), new ActorSystemOptions(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>()));
        services.AddSingleton(new AccountOptions
        {
            Iterations = options.Accounts.ScramIterations,
            DecoySecret = cluster?.Database.Secret ?? [],
            PasswordCacheEntries = Math.Max(options.Accounts.MaxCachedLogons, 1),
            PasswordLifetime = options.Accounts.MaxCachedLogons == 0 ? TimeSpan.Zero : new AccountOptions()
                .PasswordLifetime,
        });
        services.AddSingleton<AccountMetrics>().AddSingleton<AccountDirectory>().AddSingleton<PasswordVerifier>();
        services.AddSingleton(new MailboxOptions()).AddSingleton<MailboxMetrics>();
        services.AddSingleton(provider => provider.GetService<ShardAsks>() is { } asks
            ? new Maildrops(
                provider.GetRequiredService<MailboxRegion>(), asks, new MaildropLinkOptions(),
                provider.GetRequiredService<MaildropMetrics>())
            : new Maildrops(provider.GetRequiredService<MailboxRegion>()));
        services.AddSingleton(provider => new MailboxRegion(
            provider.GetRequiredService<ActorSystem>(), provider.GetRequiredService<IMailStore>().Mailboxes,
            provider.GetRequiredService<IMailStore>().Committer, provider.GetRequiredService<MailboxOptions>(),
            provider.GetRequiredService<MailboxMetrics>(), provider.GetRequiredService<ILoggerFactory>(),
            new QuotaNotices(
                provider.GetRequiredService<MailboxQuotas>(), provider.GetRequiredService<IMailStore>().Bodies,
                provider.GetRequiredService<QuotaMetrics>()),
            provider.GetService<IShardHomes>()));
        services.AddSingleton(new SourceLimitOptions
        {
            HashSecret = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong))),
            Logons = new LogonLimitOptions
            {
                FailuresPerSource = options.Accounts.MaxLogonFailuresPerSource,
                FailuresPerUser = options.Accounts.MaxLogonFailuresPerUser,
                Window = options.Accounts.LogonFailureWindow,
                MaxDelay = options.Accounts.MaxLogonDelay,
            },
        });
        services.AddSingleton<LimitsMetrics>().AddSingleton(provider => new SourceLimits(
            provider.GetRequiredService<ActorSystem>(), provider.GetRequiredService<SourceLimitOptions>(),
            provider.GetRequiredService<LimitsMetrics>(), provider.GetRequiredService<ILoggerFactory>(),
            provider.GetService<ShardAsks>()));
        services.AddSingleton<SpoolMetrics>().AddSingleton(provider => new Spool(
            provider.GetRequiredService<ActorSystem>(), provider.GetRequiredService<MailboxRegion>(),
            provider.GetRequiredService<ISpoolStore>(), new SpoolOptions(),
            provider.GetRequiredService<SpoolMetrics>(), provider.GetRequiredService<ILoggerFactory>(),
            provider.GetService<ShardAsks>()));
        services.AddSingleton(new DeliveryOptions()).AddSingleton<DeliveryMetrics>();
        services.AddSingleton(provider => new MessageAcceptor(
            provider.GetRequiredService<MailboxRegion>(), provider.GetRequiredService<Spool>(),
            provider.GetRequiredService<IMailStore>().Bodies, provider.GetRequiredService<DeliveryOptions>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<DeliveryMetrics>(),
            provider.GetRequiredService<ILoggerFactory>(), provider.GetService<ShardAsks>()));
        services.AddSingleton<MessageImporter>().AddSingleton<MessageUpload>();
        services.AddSingleton(provider => provider.GetRequiredService<IMailStore>().Mailboxes);
    }

    private static void AddQuotas(IServiceCollection services, StorageQuotaOptions options)
    {
        services.AddSingleton<QuotaMetrics>().AddSingleton<MailboxQuotas>().AddSingleton<ShortestRetention>();
        services.AddSingleton(provider => new RetentionSweep(
            provider.GetRequiredService<IQuotaStore>(), provider.GetRequiredService<ICommitter>(),
            provider.GetRequiredService<Maildrops>(), provider.GetRequiredService<RetentionOptions>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<QuotaMetrics>(),
            provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(new QuotaPolicy
        {
            Preset = options.Preset,
            IsPermanent = options.OverQuotaReply == OverQuotaReply.Permanent,
        });
        services.AddSingleton(new RetentionOptions
        {
            Interval = options.RetentionSweepInterval,
            PresetDays = options.Preset.RetentionDays is > 0 and var days ? days : null,
        });
    }

    private static void AddEdge(IServiceCollection services, MailClusterOptions options)
    {
        var disk = new DriveInfo(options.Node.DataDirectory);
        services.AddSingleton(provider => new ResourceWatch(
            options.BackPressure,
            DiskReadings(disk, provider.GetRequiredService<IMailStore>()),
            "/", provider.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<ResourceWatch>>()));
        services.AddSingleton(options.BackPressure).AddSingleton<OverloadGate>().AddSingleton<ConnectionAdmission>();
        services.AddSingleton<NodeStatus>().AddSingleton<IdleClock>().AddSingleton<QuietCollection>()
            .AddSingleton<EdgeMetrics>();
        services.AddSingleton(provider => new CertificateShelf(
            [.. options.Tls.Certificates.Select(
                pair => new CertificateFiles(pair.Names, pair.CertificateFile, pair.KeyFile))],
            options.Tls.SelfSignedFallback
                ? new CertificateFiles(
                    [], Path.Combine(options.Node.DataDirectory, "tls", "cert.pem"),
                    Path.Combine(options.Node.DataDirectory, "tls", "key.pem"))
                : null,
            options.Node.Name, provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<CertificateShelf>>()));
        services.AddSingleton<SaslOffer>().AddSingleton<SecurityContexts>();
        services.AddSingleton<Logins>().AddSingleton<EdgeServices>().AddSingleton<MailListener>();
        services.AddHostedService<EdgeDrain>();
    }

    /// <summary>Looked at by a clock, which may come once more while the services are taken down.</summary>
    private static Func<DiskReading> DiskReadings(DriveInfo disk, IMailStore store) =>
        () => new(disk.AvailableFreeSpace, store.ReusableOctets);

    private static void AddHttp(IServiceCollection services, MailClusterOptions options)
    {
        services.AddSingleton(AdminToken.LoadOrMake(options.Http.AdminTokenFile)).AddSingleton(options.Accounts);
        services.AddRoutingCore();
        services.AddProblemDetails().AddExceptionHandler<FaultHandler>();
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(json => AdminEndpoints.ReadStrictly(json.SerializerOptions));
        services.AddAdminDocument();
    }

    private static void Listen(
        KestrelServerOptions kestrel, MailClusterOptions options, ClusterNode? cluster, List<OpenListener> listeners)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = AdminRequestOctetsMax;
        var certificates = kestrel.ApplicationServices.GetRequiredService<CertificateShelf>();
        EdgeEndpoints.Listen(
            kestrel, options, kestrel.ApplicationServices.GetRequiredService<SaslOffer>(),
            kestrel.ApplicationServices.GetRequiredService<MailListener>(), certificates.IsUsable,
            (name, listen) => listeners.Add(new(name, listen)));
        foreach (var endpoint in options.Http.Endpoints)
        {
            kestrel.Listen(endpoint, listen => listeners.Add(new("http", listen)));
        }

        if (cluster is not null)
        {
            LinkEndpoints.Listen(
                kestrel, options.Cluster.Endpoints, cluster.Links, listen => listeners.Add(new("cluster", listen)));
        }
    }
}
