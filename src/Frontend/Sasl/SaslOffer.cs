using System.Collections.Immutable;
using System.Security.Cryptography;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>What this node can offer of the mechanisms that bindings list, and their exchanges.</summary>
internal sealed class SaslOffer(MailClusterOptions options, EdgeMetrics metrics, ILogger<SaslOffer> log)
{
    private readonly ImmutableArray<SystemMechanism> _system = SystemMechanisms.Find(options);

    private readonly RealmMap _realms = new(
        options.Accounts.Realms.Select(entry => KeyValuePair.Create(entry.Realm, entry.Domain)));

    /// <summary>Those of a binding's list that there are, in its order.</summary>
    public ImmutableArray<string> Of(string protocol, ImmutableArray<string> listed) =>
        [.. listed.Where(name => _system.All(entry => entry.Name != name || entry.Protocols.Contains(protocol)))];

    /// <summary>
    /// Makes the exchanges of a binding that offers <paramref name="offered"/>. The nonce is made here, in the shell:
    /// 144 random bits (RFC 5802 §5.1).
    /// </summary>
    public Func<string, ChannelBinding?, ISaslExchange?> Exchanges(string protocol, ImmutableArray<string> offered)
    {
        var offersPlus = offered.Contains(SaslMechanisms.ScramSha256Plus);
        return (mechanism, binding) =>
        {
            var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18)).Replace('=', '.');
            var context = new SaslContext(nonce, offersPlus && binding is not null)
            {
                Binding = binding,
                Realms = _realms,
            };
            return SaslMechanisms.TryCreate(mechanism, context, out var exchange)
                ? new CountedExchange(exchange, protocol, mechanism, metrics, log) : null;
        };
    }

    /// <summary>One line for each mechanism of the system that a binding lists.</summary>
    public void Say()
    {
        foreach (var entry in _system)
        {
            if (!entry.Protocols.IsEmpty)
            {
                SaslLog.Offered(log, entry.Name, string.Join(" and ", entry.Protocols), entry.Words);
            }
            else if (entry.IsFault)
            {
                SaslLog.CannotBeOffered(log, entry.Name, entry.Words);
            }
            else
            {
                SaslLog.NotOffered(log, entry.Name, entry.Words);
            }
        }
    }
}
