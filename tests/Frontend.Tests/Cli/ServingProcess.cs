using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace MailCluster.Frontend.Tests.Cli;

/// <summary>`mailcluster serve` as a process; it has written its ready file when the task of <see cref="StartAsync"/>
/// ends.</summary>
internal sealed partial class ServingProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _output = [];
    private readonly List<(Func<string, bool> Wanted, TaskCompletionSource<string> Found)> _waiting = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServingProcess(Process process, string readyFile)
    {
        _process = process;
        ReadyFile = readyFile;
    }

    public string ReadyFile { get; }

    public IReadOnlyList<string> Output
    {
        get
        {
            lock (_gate)
            {
                return [.. _output];
            }
        }
    }

    /// <summary>address:port of the HTTP endpoint.</summary>
    public string Http { get; private set; } = "";

    public static ProcessStartInfo StartOf(IEnumerable<string> arguments) => new(
        "dotnet", [Path.Combine(AppContext.BaseDirectory, "mailcluster.dll"), .. arguments])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    public static async Task<ServingProcess> StartAsync(string directory, string[] arguments,
        CancellationToken cancellationToken)
    {
        var readyFile = Path.Combine(directory, "ready.json");
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(directory, "ready.json");
        // The file is moved into place; when the two halves of a move arrive apart, that shows as a creation.
        watcher.Renamed += (_, _) => ready.TrySetResult();
        watcher.Created += (_, _) => ready.TrySetResult();
        watcher.EnableRaisingEvents = true;
        var process = new Process
        {
            StartInfo = StartOf([.. arguments, "--ready-file", readyFile]),
            EnableRaisingEvents = true,
        };
        var serving = new ServingProcess(process, readyFile);
        process.OutputDataReceived += (_, line) => serving.Take(line.Data);
        process.ErrorDataReceived += (_, line) => serving.Take(line.Data);
        process.Exited += (_, _) =>
        {
            serving._ended.TrySetResult();
            ready.TrySetException(
                new InvalidOperationException($"The node ended: {string.Join('\n', serving.Output)}"));
        };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await ready.Task.WaitAsync(cancellationToken);
        using var json = JsonDocument.Parse(await File.ReadAllTextAsync(readyFile, cancellationToken));
        serving.Http = json.RootElement.GetProperty("listeners").GetProperty("http")[0].GetString()!;
        return serving;
    }

    public async Task<int> StopAsync(CancellationToken cancellationToken)
    {
        const int SigTerm = 15;
        if (Kill(_process.Id, SigTerm) != 0)
        {
            throw new InvalidOperationException("The node could not be told to stop.");
        }

        await _ended.Task.WaitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>The first line of output that is wanted, said already or later.</summary>
    public Task<string> LineAsync(Func<string, bool> wanted, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_output.Find(line => wanted(line)) is { } said)
            {
                return Task.FromResult(said);
            }

            var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((wanted, found));
            return found.Task.WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        // Not WaitForExit: it blocks this thread until the output ends, which may need this thread to be read.
        await _ended.Task;
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            _output.Add(line);
            foreach (var (wanted, found) in _waiting)
            {
                if (wanted(line))
                {
                    found.TrySetResult(line);
                }
            }
        }
    }
}
