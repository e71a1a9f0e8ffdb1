using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using MailCluster.Shared.Accounts;

namespace MailCluster.Actors.Accounts;

/// <summary>Makes the keys that are kept of a new password, each with a salt of its own.</summary>
public static class PasswordHasher
{
    /// <summary>128 bits, as NIST SP 800-132 §5.1 recommends.</summary>
    public const int SaltOctets = 16;

    /// <param name="iterations">At least <see cref="ScramSha256.IterationsMin"/> (RFC 7677 §4).</param>
    /// <exception cref="ArgumentException">The password is one that <see cref="PasswordText.TryPrepare"/>
    /// refuses.</exception>
    public static ScramKeys Hash(string password, int iterations)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, ScramSha256.IterationsMin);
        return ScramSha256.Derive(password, RandomNumberGenerator.GetBytes(SaltOctets), iterations);
    }

    /// <summary>For many at a time, on all cores; blocks its thread until they are made.</summary>
    /// <param name="progress">Is told the number made so far after each one, from any thread.</param>
    public static ImmutableArray<(string LocalPart, ScramKeys? Keys)> HashAll(
        ImmutableArray<(string LocalPart, string Password)> users,
        int iterations,
        Action<int>? progress,
        CancellationToken cancellationToken)
    {
        var hashed = new (string LocalPart, ScramKeys? Keys)[users.Length];
        var made = 0;
        var parallel = new ParallelOptions
        {
            CancellationToken = cancellationToken,
            MaxDegreeOfParallelism = Environment.ProcessorCount,
        };
        Parallel.For(0, users.Length, parallel, i =>
        {
            hashed[i] = (users[i].LocalPart, Hash(users[i].Password, iterations));
            progress?.Invoke(Interlocked.Increment(ref made));
        });
        return ImmutableCollectionsMarshal.AsImmutableArray(hashed);
    }
}
