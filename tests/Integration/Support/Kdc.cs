using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>
/// MIT's Kerberos server of a realm of the test's own, EXAMPLE.TEST, on a port of the system's choice; every file is in
/// the test's folder.
/// </summary>
internal sealed class Kdc : IDisposable
{
    public const string Realm = "EXAMPLE.TEST";

    /// <summary>What clients call the server, and so the keytab: nobody looks it up.</summary>
    public const string ServerHost = "mx1.example.test";

    private const int StartsMax = 5;

    private readonly Workplace _workplace;
    private readonly string _configuration;
    private readonly string _profile;
    private Process? _process;

    public Kdc(Workplace workplace)
    {
        Tool.Require("krb5kdc", "kadmin.local", "kinit");
        _workplace = workplace;
        _configuration = workplace.File("krb5.conf");
        _profile = workplace.File("kdc.conf");
        Keytab = workplace.File("keytab");
        try
        {
            Start();
            AddKey($"smtp/{ServerHost}");
            AddKey($"pop/{ServerHost}");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Keytab { get; }

    /// <summary>What the server and its clients need to know of the realm.</summary>
    public Dictionary<string, string> Environment => new() { ["KRB5_CONFIG"] = _configuration };

    public void AddUser(string name, string password) => Administer($"addprinc -pw {password} {name}");

    /// <summary>A service with its key in the keytab.</summary>
    public void AddKey(string service)
    {
        Administer($"addprinc -randkey {service}");
        Administer($"ktadd -k {Keytab} {service}");
    }

    /// <summary>Logs in to the realm; the environment of a client that has the tickets.</summary>
    public Dictionary<string, string> Login(string user, string password)
    {
        Dictionary<string, string> environment = Environment;
        environment["KRB5CCNAME"] = $"FILE:{_workplace.File("tickets-" + user.Replace('/', '-'))}";
        ToolResult result = Tool.Try(With(environment, "kinit", user), password + "\n");
        Assert.True(result.ExitCode == 0, result.Output);
        return environment;
    }

    public static ProcessStartInfo With(
        Dictionary<string, string> environment, string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process?.Dispose();
    }

    /// <summary>The program cannot choose a port, and the one chosen here may be gone: then another one.</summary>
    private void Start()
    {
        for (int start = 1; ; start++)
        {
            int port = FreePort();
            Configure(port);
            if (start == 1)
            {
                Run("kdb5_util", "create", "-s", "-r", Realm, "-P", "master");
            }

            Process process = new() { StartInfo = With(Everything, Find("krb5kdc"), "-n", "-r", Realm) };
            process.StartInfo.RedirectStandardOutput = true;
            process.StartInfo.RedirectStandardError = true;
            _process = process;
            process.Start();
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            Until.True(() => process.HasExited || Answers(port), "the KDC listens");
            if (!process.HasExited)
            {
                return;
            }

            Assert.True(start < StartsMax, $"krb5kdc ended with code {process.ExitCode}");
        }
    }

    private Dictionary<string, string> Everything =>
        new() { ["KRB5_CONFIG"] = _configuration, ["KRB5_KDC_PROFILE"] = _profile };

    private void Configure(int port)
    {
        _workplace.Write("krb5.conf", $$"""
            [libdefaults]
             default_realm = {{Realm}}
             dns_lookup_kdc = false
             dns_lookup_realm = false
             dns_canonicalize_hostname = false
             rdns = false
             udp_preference_limit = 1
            [realms]
             {{Realm}} = {
              kdc = 127.0.0.1:{{port}}
             }
            [domain_realm]
             .example.test = {{Realm}}
            """);
        _workplace.Write("kdc.conf", $$"""
            [kdcdefaults]
             kdc_listen = ""
             kdc_tcp_listen = 127.0.0.1:{{port}}
            [realms]
             {{Realm}} = {
              database_name = {{_workplace.File("principal")}}
              key_stash_file = {{_workplace.File("stash")}}
              acl_file = {{_workplace.File("kadm5.acl")}}
             }
            [logging]
             kdc = FILE:{{_workplace.File("kdc.log")}}
            """);
    }

    private void Administer(string query) => Run("kadmin.local", "-r", Realm, "-q", query);

    private void Run(string program, params string[] arguments)
    {
        ToolResult result = Tool.Try(With(Everything, Find(program), arguments), null);
        Assert.True(result.ExitCode == 0, result.Output);
    }

    private static string Find(string program) =>
        File.Exists($"/usr/sbin/{program}") ? $"/usr/sbin/{program}" : program;

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool Answers(int port)
    {
        using TcpClient client = new();
        try
        {
            client.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
