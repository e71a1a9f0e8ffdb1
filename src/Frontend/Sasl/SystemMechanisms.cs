using System.Collections.Immutable;
using System.Net.Security;
using System.Runtime.InteropServices;
using MailCluster.Frontend.Options;
using MailCluster.Shared.Sasl;

namespace MailCluster.Frontend.Sasl;

/// <summary>A mechanism of the system, and whether it can be had.</summary>
/// <param name="Protocols">Where it is offered ("smtp", "pop3"); empty: nowhere.</param>
/// <param name="Words">With what it is offered, or why not.</param>
/// <param name="IsFault">It was configured, and cannot be had.</param>
internal sealed record SystemMechanism(
    string Name, ImmutableArray<string> Protocols, string Words, bool IsFault = false);

/// <summary>
/// NTLM and GSSAPI come from the system: the GSS library, the plug-in gss-ntlmssp, the users file, the keytab. What is
/// missing is found out by making a context, and the mechanism is then not offered (RFC 4752 §3.2).
/// </summary>
internal static class SystemMechanisms
{
    private const string UsersVariable = "NTLM_USER_FILE";
    private const string KeytabVariable = "KRB5_KTNAME";
    private const string GssLibrary = "libgssapi_krb5.so.2";

    /// <summary>The service that a client asks its ticket for, by protocol: RFC 4954 §4, RFC 5034 §4.</summary>
    private static readonly ImmutableArray<(string Protocol, string Service)> Services =
        [("smtp", "smtp"), ("pop3", "pop")];

    private static readonly ImmutableArray<string> Everywhere = [.. Services.Select(entry => entry.Protocol)];

    /// <summary>[MS-NLMP] §2.2.1.1: UNICODE, REQUEST_TARGET, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY.</summary>
    private static readonly byte[] AnyNegotiate =
    [
        .. "NTLMSSP\0"u8, 1, 0, 0, 0, 0x05, 0x82, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0,
    ];

    /// <summary>RFC 4121 §4.1: the framing of an AP-REQ without one: judged only where there is a key.</summary>
    private static readonly byte[] AnyRequest =
        [0x60, 0x0F, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00, 0x6E, 0x00];

    /// <summary>
    /// Tells the libraries where their files are, and tries those mechanisms that a binding lists. To be called before
    /// anything else uses the GSS library.
    /// </summary>
    public static ImmutableArray<SystemMechanism> Find(MailClusterOptions options)
    {
        var wanted = options.Smtp.Bindings.SelectMany(binding => binding.AuthMechanisms)
            .Concat(options.Pop3.Bindings.IsEmpty ? [] : options.Pop3.AuthMechanisms).ToHashSet();
        var found = ImmutableArray.CreateBuilder<SystemMechanism>();
        if (wanted.Contains(SaslMechanisms.Ntlm))
        {
            found.Add(FindNtlm(Tell(UsersVariable, options.Accounts.NtlmUserFile)));
        }

        if (wanted.Contains(SaslMechanisms.Gssapi))
        {
            found.Add(FindGssapi(Tell(KeytabVariable, options.Accounts.KerberosKeytabFile)));
        }

        return found.ToImmutable();
    }

    private static SystemMechanism FindNtlm(string? users)
    {
        if (users is null)
        {
            return NotConfigured(SaslMechanisms.Ntlm, "users file", "NtlmUserFile", UsersVariable);
        }

        try
        {
            using var reader = File.OpenText(users);
            if (reader.Peek() < 0)
            {
                return Fault(SaslMechanisms.Ntlm, $"the users file {users} is empty");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fault(SaslMechanisms.Ntlm, $"the users file cannot be read: {e.Message}");
        }

        // NTLMv2 only, unless the administrator wants otherwise: the older forms are broken ([MS-NLMP] §3.1.1.1).
        Tell("LM_COMPAT_LEVEL", Environment.GetEnvironmentVariable("LM_COMPAT_LEVEL") ?? "5");
        return Try(SaslPackage.Ntlm, AnyNegotiate) switch
        {
            null => Fault(SaslMechanisms.Ntlm, $"{GssLibrary} is missing (Debian: libgssapi-krb5-2)"),
            NegotiateAuthenticationStatusCode.ContinueNeeded =>
                new(SaslMechanisms.Ntlm, Everywhere, $"the users of {users}"),
            var status => Fault(
                SaslMechanisms.Ntlm, $"the GSS library has no NTLM ({status}; Debian: gss-ntlmssp)"),
        };
    }

    private static SystemMechanism FindGssapi(string? keytab)
    {
        if (keytab is null)
        {
            return NotConfigured(SaslMechanisms.Gssapi, "keytab", "KerberosKeytabFile", KeytabVariable);
        }

        ImmutableArray<string> principals;
        try
        {
            principals = KeytabFile.ReadPrincipals(PathOf(keytab));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return Fault(SaslMechanisms.Gssapi, $"the keytab cannot be read: {e.Message}");
        }

        var ours = Services.Where(entry => principals.Any(name => IsOf(entry.Service, name))).ToImmutableArray();
        if (ours.IsEmpty)
        {
            return Fault(SaslMechanisms.Gssapi, $"the keytab {keytab} has no key of smtp/HOST or pop/HOST");
        }

        return Try(SaslPackage.Kerberos, AnyRequest) switch
        {
            null => Fault(SaslMechanisms.Gssapi, $"{GssLibrary} is missing (Debian: libgssapi-krb5-2)"),
            NegotiateAuthenticationStatusCode.UnknownCredentials or NegotiateAuthenticationStatusCode.Unsupported =>
                Fault(SaslMechanisms.Gssapi, $"the GSS library takes no key from {keytab}"),
            _ => new(
                SaslMechanisms.Gssapi, [.. ours.Select(entry => entry.Protocol)], "keys of "
                    + string.Join(", ", principals)),
        };
    }

    private static bool IsOf(string service, string principal) =>
        principal.StartsWith(service + "/", StringComparison.Ordinal);

    private static SystemMechanism NotConfigured(string mechanism, string what, string key, string variable) =>
        new(mechanism, [], $"no {what} is given (MailCluster:Accounts:{key} or {variable})");

    private static SystemMechanism Fault(string mechanism, string why) => new(mechanism, [], why, IsFault: true);

    /// <summary>What the library says to a first token; null: there is no library.</summary>
    private static NegotiateAuthenticationStatusCode? Try(SaslPackage package, ReadOnlySpan<byte> token)
    {
        if (!NativeLibrary.TryLoad(GssLibrary, out _))
        {
            return null;
        }

        using var context = new SecurityContext(package);
        context.Accept(token, out var status);
        return status;
    }

    /// <summary>MIT's names of a keytab may begin with its kind.</summary>
    private static string PathOf(string keytab) =>
        keytab.StartsWith("FILE:", StringComparison.Ordinal) ? keytab["FILE:".Length..] : keytab;

    /// <summary>
    /// The libraries read the process's own environment, which .NET's copy of it does not reach. What the configuration
    /// says wins over what the process was started with.
    /// </summary>
    private static string? Tell(string variable, string? value)
    {
        if (value is null)
        {
            return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } given ? given : null;
        }

        _ = SetEnvironment(variable, value, 1);
        return value;
    }

    [DllImport("libc", EntryPoint = "setenv")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetEnvironment(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value,
        int overwrite);
}
