using MailCluster.Shared;

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

    private enum Kind : byte
    {
        IPv4,
        IPv6,
        User,
        Name,
        Binding,
    }

    public bool IsSource => _kind is Kind.IPv4 or Kind.IPv6;

    public bool HoldsPermits => IsSource || _kind == Kind.User;

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

    /// <summary>For logs.</summary>
    public override string ToString() => _kind == Kind.Binding ? $"{_kind} {_binding}" : $"{_kind} {_value:x}";

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
