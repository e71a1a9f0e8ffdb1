using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>The real program, running.</summary>
internal sealed partial class Node : IDisposable
{
    private const int SignalInterrupt = 2;
    private const int SignalKill = 9;
    private const int SignalTerminate = 15;
    private const int SignalContinue = 18;
    private const int SignalStop = 19;
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(60);

    private readonly NodeSettings _settings;
    private readonly Process _process;
    private readonly StringBuilder _log = new();
    private Dictionary<string, List<IPEndPoint>> _endpoints = [];
    private volatile bool _isDisposed;

    private Node(NodeSettings settings)
    {
        _settings = settings;
        Configuration = settings.WriteConfiguration();
        List<string> words =
        [
            .. settings.Wrapper, .. settings.Command ?? [settings.Program, "serve"], "--config", Configuration,
            "--ready-file", ReadyFile,
            .. settings.SeedUsers > 0
                ? new[] { "--seed-users", settings.SeedUsers.ToString(CultureInfo.InvariantCulture) } : [],
            .. settings.MoreArguments,
        ];
        ProcessStartInfo start = new(words[0], words.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = settings.Workplace.Folder,
        };
        foreach ((string name, string value) in settings.Environment)
        {
            start.Environment[name] = value;
        }

        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
    }

    public string Configuration { get; }

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    public IPEndPoint Smtp => Endpoint("gateway");

    public IPEndPoint Pop3 => Endpoint("pop3");

    public IPEndPoint Pop3s => Endpoint("pop3s");

    public Uri Http => new($"http://{Endpoint("http")}/");

    /// <summary>Of the program itself, not of what it was started by.</summary>
    public int ProcessId { get; private set; }

    private string ReadyFile => _settings.Workplace.File("ready");

    public static Node Start(NodeSettings settings)
    {
        Node node = new(settings);
        try
        {
            File.Delete(node.ReadyFile);
            node.Launch();
            Until.True(() => File.Exists(node.ReadyFile) || node._process.HasExited, "the node is ready",
                settings.LongestStart);
            Assert.True(File.Exists(node.ReadyFile), $"The node ended before it was ready:\n{node.Log}");
            node.ReadReadyFile();
            return node;
        }
        catch
        {
            node.Dispose();
            throw;
        }
    }

    /// <summary>Runs the program until it ends by itself: a start that is refused.</summary>
    public static ToolResult Refused(NodeSettings settings)
    {
        using Node node = new(settings);
        node.Launch();
        Assert.True(node._process.WaitForExit(settings.LongestStart), $"It went on running:\n{node.Log}");
        node._process.WaitForExit();
        Assert.False(File.Exists(node.ReadyFile), "It said that it was ready.");
        return new ToolResult(node._process.ExitCode, node.Log);
    }

    public static string User(int number) => $"user{number:D4}@example.test";

    public static string Password(int number) => $"pass{number:D4}";

    public IPEndPoint Endpoint(string binding, bool ipv6 = false)
    {
        Assert.True(
            _endpoints.ContainsKey(binding), $"The ready file has no {binding}: {string.Join(' ', _endpoints.Keys)}");
        return _endpoints[binding].First(endpoint => endpoint.Address.GetAddressBytes().Length == (ipv6 ? 16 : 4));
    }

    public List<StoredMessage> Mailbox(int user) => Maildrop.Read(Pop3, User(user), Password(user));

    /// <summary>One message to one of the seeded users, accepted.</summary>
    public void Deliver(int user, string message)
    {
        using Dialogue dialogue = Dialogue.Smtp(Smtp);
        Deliver(dialogue, user, message);
        dialogue.Ask("QUIT", "221");
    }

    public static void Deliver(Dialogue dialogue, int user, string message)
    {
        dialogue.Ask("MAIL FROM:<sender@elsewhere.test>", "250");
        dialogue.Ask($"RCPT TO:<{User(user)}>", "250");
        dialogue.Ask("DATA", "354");
        dialogue.Send(message);
        dialogue.Ask(".", "250");
    }

    /// <summary>A command of the same program to this node; expects exit code 0.</summary>
    public string Admin(params string[] words)
    {
        ProcessStartInfo start = new(Programs.MailCluster, [.. words, "--config", Configuration]);
        start.Environment["MAILCLUSTER_ADMIN_URL"] = Http.ToString();
        ToolResult result = Tool.Try(start, null);
        Assert.True(result.ExitCode == 0, $"mailcluster {string.Join(' ', words)}: {result.ExitCode}\n{result.Output}");
        return result.Output;
    }

    public void Interrupt() => Signal(SignalInterrupt);

    public void Terminate() => Signal(SignalTerminate);

    /// <summary>Its clock goes on, its turns do not.</summary>
    public void Pause() => Signal(SignalStop);

    public void Resume() => Signal(SignalContinue);

    public void KillNow()
    {
        Signal(SignalKill);
        _process.WaitForExit();
    }

    /// <summary>The exit code, once it has ended.</summary>
    public int WaitForExit()
    {
        Assert.True(_process.WaitForExit(LongestStop), $"It did not end:\n{Log}");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    public bool HasExited => _isDisposed || _process.HasExited;

    public int Stop()
    {
        Terminate();
        return WaitForExit();
    }

    /// <summary>KiB of a line of /proc/PID/status: VmRSS, VmHWM.</summary>
    public long Memory(string line)
    {
        string found = File.ReadLines($"/proc/{ProcessId}/status")
            .First(text => text.StartsWith(line + ":", StringComparison.Ordinal));
        return long.Parse(Digits().Match(found).ValueSpan, CultureInfo.InvariantCulture);
    }

    /// <summary>Makes VmHWM count from now on.</summary>
    public void ResetPeakMemory() => File.WriteAllText($"/proc/{ProcessId}/clear_refs", "5");

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        if (ProcessId != 0 && !_process.HasExited)
        {
            Signal(SignalKill);
        }

        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It was never started, or is gone.
        }

        KeepLog();
        // Clients on threads of their own may still ask whether it has exited.
        _isDisposed = true;
        _process.Dispose();
    }

    /// <summary>For who looks for a failure that comes seldom: MAILCLUSTER_TEST_LOGS names a folder.</summary>
    private void KeepLog()
    {
        if (Environment.GetEnvironmentVariable("MAILCLUSTER_TEST_LOGS") is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, $"node-{ProcessId}.log"), Log);
        }
    }

    /// <summary>{ "pid": 4711, "listeners": { "gateway": [ "127.0.0.1:40001", "[::1]:40002" ], ... } }.</summary>
    private void ReadReadyFile()
    {
        using JsonDocument ready = JsonDocument.Parse(File.ReadAllText(ReadyFile));
        ProcessId = ready.RootElement.GetProperty("pid").GetInt32();
        _endpoints = ready.RootElement.GetProperty("listeners").EnumerateObject().ToDictionary(
            listener => listener.Name,
            listener => listener.Value.EnumerateArray().Select(address => IPEndPoint.Parse(address.GetString()!))
                .ToList());
    }

    private void Launch()
    {
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    private void Signal(int signal) =>
        Assert.Equal(0, Kill(ProcessId, signal));

    private void Append(string? line)
    {
        if (line is not null)
        {
            lock (_log)
            {
                _log.Append(line).Append('\n');
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();
}
