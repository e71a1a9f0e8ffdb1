using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace MailCluster.Actors.Tests.Cluster;

/// <summary>A process of its own with one connection (psql), which can be made to stand still (SIGSTOP).</summary>
internal sealed class StoppableClient : IDisposable
{
    private readonly Process _process;

    public StoppableClient(string connection, string applicationName)
    {
        var target = new NpgsqlConnectionStringBuilder(connection);
        var start = new ProcessStartInfo("psql", ["--no-psqlrc", "--quiet", "--tuples-only"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PGHOST"] = target.Host;
        start.Environment["PGPORT"] = target.Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["PGDATABASE"] = target.Database;
        start.Environment["PGUSER"] = target.Username;
        start.Environment["PGPASSWORD"] = target.Password;
        start.Environment["PGAPPNAME"] = applicationName;
        _process = Process.Start(start)!;
    }

    /// <summary>Returns when it was done.</summary>
    public async Task SayAsync(string statements)
    {
        await _process.StandardInput.WriteLineAsync(statements);
        await _process.StandardInput.WriteLineAsync("\\echo done");
        await _process.StandardInput.FlushAsync();
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line == "done")
            {
                return;
            }
        }

        throw new InvalidOperationException(await _process.StandardError.ReadToEndAsync());
    }

    public void Stop() => Signal("-STOP");

    public void Continue() => Signal("-CONT");

    /// <summary>Says this last and waits for its end, however it ends.</summary>
    public async Task EndAsync(string statements)
    {
        try
        {
            await _process.StandardInput.WriteLineAsync(statements);
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        await _process.WaitForExitAsync();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private void Signal(string signal)
    {
        using var kill = Process.Start(
            "kill", [signal, _process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
