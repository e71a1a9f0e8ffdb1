using System.Collections.Frozen;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Shared.Pop3;
using MailCluster.Shared.Smtp;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace MailCluster.Frontend.Edge;

/// <summary>Turns the configured bindings into Kestrel endpoints that speak SMTP and POP3.</summary>
internal static class EdgeEndpoints
{
    /// <summary>Octets that wait in a connection's pipe in each direction (I8).</summary>
    public const long PipeOctetsMax = 64 * 1024;

    /// <summary>Of all POP3 bindings; no binding's name is blank.</summary>
    private const string Pop3Scope = " ";

    /// <summary>
    /// A session never blocks, so it runs on the thread where its octets arrive: no hop between threads per command.
    /// What can block or takes long (the store, password derivation) has threads of its own.
    /// </summary>
    public static void ConfigureTransport(SocketTransportOptions transport)
    {
        transport.UnsafePreferInlineScheduling = true;
        transport.MaxReadBufferSize = PipeOctetsMax;
        transport.MaxWriteBufferSize = PipeOctetsMax;
        transport.Backlog = 4096;
    }

    /// <summary>The same below the transport; the runtime reads it at the first socket of the process.</summary>
    public static void PreferInlineCompletions() =>
        Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

    /// <summary>
    /// Opens every mail binding; <paramref name="opened"/> hears of each address, whose port is known after the start.
    /// </summary>
    public static void Listen(
        KestrelServerOptions kestrel, MailClusterOptions options, SaslOffer sasl, MailListener listener, bool canTls,
        Action<string, ListenOptions> opened)
    {
        foreach (var smtp in options.Smtp.Bindings)
        {
            var binding = Smtp(smtp, options.Node.Name, sasl, canTls);
            Open(kestrel, binding.Edge, opened, connection => listener.RunAsync(connection, binding));
        }

        var places = new ConnectionPlaces(options.Pop3.MaxConnections);
        foreach (var pop3 in options.Pop3.Bindings)
        {
            var binding = Pop3(pop3, options, sasl, canTls, places);
            Open(kestrel, binding.Edge, opened, connection => listener.RunAsync(connection, binding));
        }
    }

    public static SmtpBinding Smtp(SmtpBindingOptions options, string nodeName, SaslOffer sasl, bool canTls)
    {
        var mechanisms = sasl.Of("smtp", options.AuthMechanisms);
        return new(new BindingEdge(
            options.Name, "smtp", options.Endpoints, options.Tls, options.ProxyProtocolFrom,
            options.ConnectionTimeout, options.ConnectionInactivityTimeout,
            new ConnectionPlaces(options.MaxInboundConnections))
        {
            Sources = new SourceRules
            {
                Accepted = options.RemoteIPRanges,
                Blocked = options.BlockedIPRanges,
                IsGateway = options.Role == Frontend.Options.SmtpRole.Gateway,
                PerSource = options.MaxInboundConnectionPerSource,
                Percentage = options.MaxInboundConnectionPercentagePerSource,
                Tarpits = options.TarpitInterval > TimeSpan.Zero || options.AuthTarpitInterval > TimeSpan.Zero,
                WhenUnreachable = options.WhenLimitHomeUnreachable,
                MessageRateSource = options.MessageRateSource,
                MessagesPerMinute = options.MessageRateLimit ?? int.MaxValue,
            },
            RefusesWhenShort = true,
            IsForStrangers = options.Role == Frontend.Options.SmtpRole.Gateway,
        },
        new SmtpSessionOptions
        {
            HostName = nodeName,
            Role = (Shared.Smtp.SmtpRole)options.Role,
            Banner = options.Banner,
            OffersStartTls = canTls && options.Tls == BindingTls.StartTls,
            AuthMechanisms = mechanisms,
            CreateSaslExchange = sasl.Exchanges("smtp", mechanisms),
            AnnouncesObsoleteAuth = options.AnnouncesObsoleteAuth,
            RequireTlsForPlaintextAuth = options.RequireTlsForPlaintextAuth,
            SaslSupportedText = options.SaslSupportedText,
            MaxRecipientsPerMessage = options.MaxRecipientsPerMessage,
            MaxHeaderSize = options.MaxHeaderSize,
            MaxMessageSize = options.MaxMessageSize,
            MaxHopCount = options.MaxHopCount,
            MaxLocalHopCount = options.MaxLocalHopCount,
            MaxProtocolErrors = options.MaxProtocolErrors is null or 0 ? int.MaxValue : options.MaxProtocolErrors.Value,
            MaxLogonFailures = options.MaxLogonFailures,
            AllowedUsers = options.AllowedUsers?.Select(user => user.ToLowerInvariant()).ToFrozenSet(),
            CountsMessages = options.MessageRateLimit is not null
                && options.MessageRateSource != MessageRateSource.None,
            TarpitInterval = options.TarpitInterval,
            AuthTarpitInterval = options.AuthTarpitInterval,
        },
        options.MaxAcknowledgementDelay);
    }

    /// <param name="places">Shared by all bindings (MaxConnections).</param>
    public static Pop3Binding Pop3(
        AccessBindingOptions options, MailClusterOptions all, SaslOffer sasl, bool canTls, ConnectionPlaces places)
    {
        var mechanisms = sasl.Of("pop3", all.Pop3.AuthMechanisms);
        return new(new BindingEdge(
            options.Name, "pop3", options.Endpoints, options.Tls, options.ProxyProtocolFrom,
            ConnectionTimeout: null, all.Pop3.PreAuthenticatedConnectionTimeout, places)
        {
            Scope = Pop3Scope,
            Sources = new SourceRules { PerSource = LimitOf(all.Pop3.MaxConnectionFromSingleIP) },
        },
        new Pop3SessionOptions
        {
            LoginType = (Shared.Pop3.Pop3LoginType)all.Pop3.LoginType,
            OffersStls = canTls && options.Tls == BindingTls.StartTls,
            Mechanisms = mechanisms,
            CreateSaslExchange = sasl.Exchanges("pop3", mechanisms),
            MaxCommandSize = all.Pop3.MaxCommandSize,
            MaxLogonFailures = all.Pop3.MaxLogonFailures,
            EnableExactRFC822Size = all.Pop3.EnableExactRFC822Size,
            RequireUtf8Mode = all.Pop3.RequireUtf8Mode,
        },
        all.Pop3.PreAuthenticatedConnectionTimeout,
        all.Pop3.AuthenticatedConnectionTimeout,
        LimitOf(all.Pop3.MaxConnectionsPerUser));
    }

    /// <summary>What nobody can reach is not counted.</summary>
    private static int? LimitOf(int? setting) => setting is { } limit and < int.MaxValue ? limit : null;

    private static void Open(
        KestrelServerOptions kestrel, BindingEdge binding, Action<string, ListenOptions> opened, Func<ConnectionContext,
        Task> serve)
    {
        foreach (var endpoint in binding.Endpoints)
        {
            kestrel.Listen(new MailEndPoint(endpoint, binding), listen =>
            {
                listen.Run(serve);
                opened(binding.Name, listen);
            });
        }
    }
}
