using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace MailCluster.Frontend.Sasl;

/// <summary>
/// Whose keys a Kerberos keytab holds, for the administrator and for what is offered; the keys themselves are the
/// library's. The format is MIT's, version 2, in network order.
/// </summary>
internal static class KeytabFile
{
    /// <summary>A keytab of a host has some dozens of keys; this is far above.</summary>
    private const int OctetsMax = 1024 * 1024;

    /// <returns>Principals in the form "smtp/mx1.example.test@EXAMPLE.TEST", each once, in the file's order.</returns>
    /// <exception cref="InvalidDataException">It is no keytab.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static ImmutableArray<string> ReadPrincipals(string file)
    {
        if (new FileInfo(file).Length > OctetsMax)
        {
            throw new InvalidDataException($"{file} is too large for a keytab.");
        }

        ReadOnlySpan<byte> rest = File.ReadAllBytes(file);
        if (!rest.StartsWith((ReadOnlySpan<byte>)[5, 2]))
        {
            throw new InvalidDataException($"{file} is no keytab (version 2).");
        }

        rest = rest[2..];
        var principals = ImmutableArray.CreateBuilder<string>();
        while (TryTake(ref rest, sizeof(int), out var size))
        {
            // A negative size is room that a removed key left.
            var length = BinaryPrimitives.ReadInt32BigEndian(size);
            if (!TryTake(ref rest, Math.Abs((long)length), out var entry))
            {
                break;
            }

            if (length > 0 && TryReadPrincipal(entry, out var principal) && !principals.Contains(principal))
            {
                principals.Add(principal);
            }
        }

        return principals.ToImmutable();
    }

    /// <summary>The number of components, the realm, the components; a text has its length in 16 bits.</summary>
    private static bool TryReadPrincipal(ReadOnlySpan<byte> entry, out string principal)
    {
        principal = string.Empty;
        if (!TryTake(ref entry, sizeof(ushort), out var number) || !TryTakeText(ref entry, out var realm))
        {
            return false;
        }

        var components = new string[BinaryPrimitives.ReadUInt16BigEndian(number)];
        for (var i = 0; i < components.Length; i++)
        {
            if (!TryTakeText(ref entry, out components[i]))
            {
                return false;
            }
        }

        principal = $"{string.Join('/', components)}@{realm}";
        return true;
    }

    private static bool TryTakeText(ref ReadOnlySpan<byte> rest, out string text)
    {
        text = string.Empty;
        if (!TryTake(ref rest, sizeof(ushort), out var length)
            || !TryTake(ref rest, BinaryPrimitives.ReadUInt16BigEndian(length), out var octets))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(octets);
        return true;
    }

    private static bool TryTake(ref ReadOnlySpan<byte> rest, long length, out ReadOnlySpan<byte> taken)
    {
        taken = default;
        if (length > rest.Length)
        {
            return false;
        }

        taken = rest[..(int)length];
        rest = rest[(int)length..];
        return true;
    }
}
