using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Limits;

/// <summary>
/// Who has a home: an address block, a user, a name that somebody logs in with, or all messages of a binding.
/// </summary>
internal readonly record struct HomeKey
{
    private readonly Kind _kind;
    private readonly ulong _value;
    private readonly string? _binding;

    private HomeKey(Kind kind, ulong value, string? binding) => (_kind, _value, _binding) = (kind, value, binding);

    /// <summary>As on the wire.</summary>
    private enum Kind : byte
    {
        IPv4 = LimitSubject.Types.Kind.Ipv4,
        IPv6 = LimitSubject.Types.Kind.Ipv6,
        User = LimitSubject.Types.Kind.User,
        Name = LimitSubject.Types.Kind.Name,
        Binding = LimitSubject.Types.Kind.Binding,
    }

    public bool IsSource => _kind is Kind.IPv4 or Kind.IPv6;

    public bool HoldsPermits => IsSource || _kind == Kind.User;

    /// <summary>
    /// The same in every process and version. Unlike a hash table's places it has no secret: who chooses addresses may
    /// choose the node that counts them, which then counts for one client what it counts for many.
    /// </summary>
    public ShardId Shard
    {
        get
        {
            var value = _value;
            foreach (var letter in _binding ?? "")
            {
                // FNV-1a over the UTF-16 units of a setting's name.
                value = (value ^ letter) * 1099511628211;
            }

            return new(0, (int)(Mixed(value + ((ulong)_kind * 0x9E3779B97F4A7C15)) % MailboxId.Shards));
        }
    }

    public static HomeKey Of(SourceKey source) => new(source.IsIPv6 ? Kind.IPv6 : Kind.IPv4, source.Value, null);

    public static HomeKey Of(AccountId user) => new(Kind.User, (ulong)user.Value, null);

    public static HomeKey Of(LogonName name) => new(Kind.Name, name.Value, null);

    public static HomeKey Of(string binding, RateKey rate)
    {
        if (rate.Source is { } source)
        {
            return Of(source);
        }

        return rate.User is { } user ? Of(user) : new(Kind.Binding, 0, binding);
    }

    /// <summary>Null: of a kind that this version does not know.</summary>
    public static HomeKey? Of(LimitSubject? subject) =>
        subject is { Kind: > LimitSubject.Types.Kind.Unknown and <= LimitSubject.Types.Kind.Binding }
            ? new(
                (Kind)subject.Kind, subject.Value,
                subject.Kind == LimitSubject.Types.Kind.Binding ? subject.Binding : null)
            : null;

    public LimitSubject ToWire() =>
        new() { Kind = (LimitSubject.Types.Kind)_kind, Value = _value, Binding = _binding ?? "" };

    /// <summary>Null: it is no source.</summary>
    public SourceKey? ToSource() => IsSource ? new SourceKey(_kind == Kind.IPv6, _value) : null;

    /// <summary>For logs.</summary>
    public override string ToString() => _kind == Kind.Binding ? $"{_kind} {_binding}" : $"{_kind} {_value:x}";

    /// <summary>The finalizer of SplitMix64.</summary>
    private static ulong Mixed(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    /// <summary>
    /// Clients choose their addresses, with IPv6 out of billions of blocks, so a secret keeps them from choosing ones
    /// that share a chain of a hash table (<see cref="SourceLimitOptions.HashSecret"/>).
    /// </summary>
    public sealed class Comparer(ulong secret) : IEqualityComparer<HomeKey>
    {
        public bool Equals(HomeKey x, HomeKey y) =>
            x._kind == y._kind && x._value == y._value && x._binding == y._binding;

        public int GetHashCode(HomeKey key)
        {
            // The finalizer of SplitMix64 around the secret; there are few bindings, so they may share a chain.
            var mixed = key._value ^ secret;
            mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27) ^ secret ^ (ulong)key._kind) * 0x94D049BB133111EB;
            return (int)(mixed ^ (mixed >> 31));
        }
    }
}
