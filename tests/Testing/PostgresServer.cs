using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace MailCluster.Testing;

/// <summary>
/// A private PostgreSQL on a free loopback port with all durability on, in a temporary directory that goes with this
/// process, however that ends. Databases belong to <see cref="User"/>, who is no superuser.
/// </summary>
public sealed class PostgresServer : IDisposable
{
    public const string User = "mailcluster";
    public const string Password = "not-a-secret";
    private const int StartAttemptsMax = 5;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly Lazy<PostgresServer> s_shared = new(() => new PostgresServer());
    private static readonly string? s_programs = FindPrograms();
    private static int s_databases;

    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, Lazy<Task>> _templates = new();
    private readonly string _root;
    private readonly string _directory;
    private Process? _watchdog;
    private Process? _postmaster;

    public PostgresServer(params IEnumerable<string> settings)
        : this(Directory.CreateTempSubdirectory("mailcluster-pg-"))
    {
        Initialise();
        Configure(settings);
        Start();
        using var connection = new NpgsqlConnection(ConnectionTo("postgres", "postgres"));
        connection.Open();
        using var role = new NpgsqlCommand($"CREATE ROLE {User} LOGIN CREATEDB PASSWORD '{Password}'", connection);
        _ = role.ExecuteNonQuery();
    }

    /// <summary>Directories that go with this process; no server yet.</summary>
    private PostgresServer(DirectoryInfo root)
    {
        if (Missing is { } missing)
        {
            throw new InvalidOperationException(missing);
        }

        _root = root.FullName;
        _directory = Path.Combine(_root, "data");
        Directory.CreateDirectory(_directory);
        _ = ServerProcess.Run("chmod", "700", _directory);
        Watch();
        File.WriteAllText(PasswordFile, Password);
        if (Environment.IsPrivilegedProcess)
        {
            _ = ServerProcess.Run("chown", "-R", "postgres:", _root);
        }
    }

    /// <summary>The one of this process, for tests that leave it running. Started by its first user.</summary>
    public static PostgresServer Shared => s_shared.Value;

    /// <summary>Null: a server can be started here. Otherwise why not, with the command that helps.</summary>
    public static string? Missing =>
        s_programs is null
            ? "PostgreSQL is not installed: sudo apt-get install -y --no-install-recommends postgresql"
            : null;

    public int Port { get; private set; }

    /// <summary>What the server writes; it holds every error that a client saw.</summary>
    public string LogFile => Path.Combine(_root, "log");

    public string DataDirectory => _directory;

    /// <summary>All processes of the server that run now, the first one first.</summary>
    public IReadOnlyList<int> Processes =>
        _postmaster is { HasExited: false } running ? [running.Id, .. ServerProcess.Children(running.Id)] : [];

    public string ConnectionTo(string database, string user = User) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Database = database,
        Username = user,
        Password = Password,
    }.ConnectionString;

    /// <summary>An empty database of its own. Returns the connection string.</summary>
    public Task<string> NewDatabaseAsync() => CreateAsync("template0");

    /// <summary>
    /// A copy of the database <paramref name="template"/>, which <paramref name="fill"/> makes from an empty one
    /// when it is asked for first; it has to leave no connection open.
    /// </summary>
    public async Task<string> NewDatabaseAsync(string template, Func<string, Task> fill)
    {
        await _templates.GetOrAdd(template, name => new Lazy<Task>(async () =>
        {
            await ExecuteAsync($"CREATE DATABASE {name} OWNER {User} TEMPLATE template0");
            await fill(ConnectionTo(name));
            NpgsqlConnection.ClearAllPools();
        })).Value;
        return await CreateAsync(template);
    }

    /// <summary>One statement as superuser, in the database postgres or another.</summary>
    public async Task<object?> ExecuteAsync(string statement, string database = "postgres")
    {
        var target = new NpgsqlConnectionStringBuilder(ConnectionTo(database, "postgres")) { Pooling = false };
        await using var connection = new NpgsqlConnection(target.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Lines of postgresql.conf, such as "fsync = off"; in force from the next start on.</summary>
    public void Configure(params IEnumerable<string> settings) =>
        File.AppendAllLines(Path.Combine(_directory, "postgresql.conf"), settings);

    /// <summary>Clients of this network may come, as far as the server listens there ("listen_addresses").</summary>
    public void Admit(string network)
    {
        File.AppendAllLines(
            Path.Combine(_directory, "pg_hba.conf"), [$"host all all {network} scram-sha-256"]);
        Reload();
    }

    /// <summary>What <see cref="Configure"/> added is read again, as far as a running server can.</summary>
    public void Reload()
    {
        if (_postmaster is { HasExited: false } running)
        {
            ServerProcess.Signal(running.Id, ServerProcess.SignalHangUp);
        }
    }

    /// <summary>On the same port as before. Returns when it takes connections.</summary>
    public void Start()
    {
        lock (_gate)
        {
            for (var attempt = 1; ; attempt++)
            {
                Port = Port == 0 || attempt > 1 ? FreePort() : Port;
                Launch();
                if (Answers())
                {
                    return;
                }

                if (attempt == StartAttemptsMax)
                {
                    throw new InvalidOperationException($"PostgreSQL does not start: {File.ReadAllText(LogFile)}");
                }
            }
        }
    }

    /// <summary>Fast shutdown: sessions are ended, everything is written.</summary>
    public void Stop() => End(running => ServerProcess.Signal(running, ServerProcess.SignalInterrupt));

    /// <summary>kill -9 of all its processes; the next start recovers.</summary>
    public void Kill() => End(running => ServerProcess.SignalAll(running, ServerProcess.SignalKill));

    /// <summary>SIGSTOP: connections stay, nothing is answered.</summary>
    public void Pause() => ServerProcess.SignalAll(_postmaster!.Id, ServerProcess.SignalStop);

    public void Resume() => ServerProcess.SignalAll(_postmaster!.Id, ServerProcess.SignalContinue);

    public void Dispose()
    {
        Kill();
        _watchdog?.StandardInput.Dispose();
        _watchdog?.WaitForExit();
        _watchdog?.Dispose();
        _watchdog = null;
    }

    /// <summary>
    /// Another server that follows this one by streaming. Synchronous: from when this returns on, a commit here is
    /// answered when it is on that one's disk too, and waits for as long as that one is away.
    /// </summary>
    public PostgresServer NewStandby(bool isSynchronous)
    {
        var standby = new PostgresServer(Directory.CreateTempSubdirectory("mailcluster-pg-"));
        try
        {
            standby.Copy(this);
            standby.Start();
            if (isSynchronous)
            {
                Configure("synchronous_standby_names = '*'");
                Reload();
            }

            Await(isSynchronous ? "sync" : "async");
            return standby;
        }
        catch
        {
            standby.Dispose();
            throw;
        }
    }

    /// <summary>A dump of a database as it is now, for <see cref="RestoreAsync"/>.</summary>
    public string Dump(string database)
    {
        var file = Path.Combine(_root, $"{database}.{Guid.NewGuid():N}.dump");
        var (program, arguments) = AsServer(
            "pg_dump", "--format=custom", "--file", file, "--dbname", SuperuserAt(database));
        _ = ServerProcess.Run(program, arguments);
        return file;
    }

    /// <summary>The database is then as it was when <paramref name="dump"/> was made; nobody may be using it.</summary>
    public async Task RestoreAsync(string database, string dump)
    {
        await ExecuteAsync($"DROP DATABASE {database} WITH (FORCE)");
        await ExecuteAsync($"CREATE DATABASE {database} OWNER {User} TEMPLATE template0");
        var (program, arguments) = AsServer("pg_restore", "--dbname", SuperuserAt(database), dump);
        _ = ServerProcess.Run(program, arguments);
    }

    /// <summary>Of a standby: it takes writes from now on, on a new timeline.</summary>
    public void Promote()
    {
        var (program, arguments) = AsServer("pg_ctl", "promote", "-w", "-D", _directory);
        _ = ServerProcess.Run(program, arguments);
    }

    private static string? FindPrograms() =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql")
                .Select(version => Path.Combine(version, "bin"))
                .Where(programs => File.Exists(Path.Combine(programs, "initdb")))
                .OrderByDescending(programs => programs, StringComparer.Ordinal)
                .FirstOrDefault()
            : null;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static (string Program, string[] Arguments) AsServer(string program, params string[] arguments) =>
        Environment.IsPrivilegedProcess
            ? ("setpriv",
                ["--reuid=postgres", "--regid=postgres", "--clear-groups", Path.Combine(s_programs!, program),
                    .. arguments])
            : (Path.Combine(s_programs!, program), arguments);

    private string PasswordFile => Path.Combine(_root, "password");

    /// <summary>For the server's own programs.</summary>
    private string SuperuserAt(string database) => string.Create(
        CultureInfo.InvariantCulture,
        $"host=127.0.0.1 port={Port} user=postgres password={Password} dbname={database}");

    private void Copy(PostgresServer primary)
    {
        var (program, arguments) = AsServer(
            "pg_basebackup", "-D", _directory, "-R", "-X", "stream", "-c", "fast", "-d",
            primary.SuperuserAt("replication"));
        _ = ServerProcess.Run(program, arguments);
        Configure($"unix_socket_directories = '{_root}'");
    }

    /// <summary>Its standby streams, in this manner.</summary>
    private void Await(string manner)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (ExecuteAsync($"SELECT count(*) FROM pg_stat_replication WHERE sync_state = '{manner}'")
            .GetAwaiter().GetResult() is not 1L)
        {
            if (TimeProvider.System.GetElapsedTime(began) > s_patience)
            {
                throw new TimeoutException($"No standby follows: {File.ReadAllText(LogFile)}");
            }

            _ = Thread.Yield();
        }
    }

    private void Initialise()
    {
        var (program, arguments) = AsServer(
            "initdb", "-D", _directory, "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
            "--auth=scram-sha-256", "--pwfile", PasswordFile);
        _ = ServerProcess.Run(program, arguments);
        Configure(
            "listen_addresses = '127.0.0.1'",
            $"unix_socket_directories = '{_root}'",
            "fsync = on",
            "synchronous_commit = on",
            "full_page_writes = on",
            "shared_buffers = 64MB",
            "max_connections = 400",
            "log_min_messages = warning",
            "log_line_prefix = '%m %p %a '");
    }

    private async Task<string> CreateAsync(string template)
    {
        var number = Interlocked.Increment(ref s_databases).ToString(CultureInfo.InvariantCulture);
        var name = $"test_{Environment.ProcessId}_{number}";
        await ExecuteAsync($"CREATE DATABASE {name} OWNER {User} TEMPLATE {template}");
        return ConnectionTo(name);
    }

    private void Launch()
    {
        var (program, arguments) = AsServer(
            "postgres", "-D", _directory, "-c", $"port={Port.ToString(CultureInfo.InvariantCulture)}",
            "-c", "logging_collector=off");
        // The shell becomes the server, so its number is the server's; the log outlives it.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("log=$1; shift; exec \"$@\" </dev/null >>\"$log\" 2>&1");
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(LogFile);
        start.ArgumentList.Add(program);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _postmaster?.Dispose();
        _postmaster = Process.Start(start)!;
    }

    /// <summary>True when it takes connections; false when it ended instead.</summary>
    private bool Answers()
    {
        var target = new NpgsqlConnectionStringBuilder(ConnectionTo("postgres", "postgres"))
        {
            Pooling = false,
            Timeout = 2,
        };
        var began = TimeProvider.System.GetTimestamp();
        while (!_postmaster!.HasExited)
        {
            try
            {
                using var connection = new NpgsqlConnection(target.ConnectionString);
                connection.Open();
                return true;
            }
            catch (NpgsqlException) when (TimeProvider.System.GetElapsedTime(began) < s_patience)
            {
                _ = _postmaster.WaitForExit(TimeSpan.FromMilliseconds(20));
            }
        }

        return false;
    }

    private void End(Action<int> signal)
    {
        lock (_gate)
        {
            if (_postmaster is not { HasExited: false } running)
            {
                return;
            }

            var children = ServerProcess.Children(running.Id);
            signal(running.Id);
            if (!running.WaitForExit(s_patience))
            {
                throw new TimeoutException("PostgreSQL does not end.");
            }

            // The shared memory is free, so a new server may start, only when the last child is gone.
            var began = TimeProvider.System.GetTimestamp();
            while (children.Any(ServerProcess.IsAlive) && TimeProvider.System.GetElapsedTime(began) < s_patience)
            {
                _ = Thread.Yield();
            }
        }
    }

    /// <summary>A shell that outlives this process by a moment: ends the server, deletes its files.</summary>
    private void Watch()
    {
        const string Script = """
            trap '' HUP INT TERM
            read -r line
            parent=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
            if [ -n "$parent" ] && grep -q postgres "/proc/$parent/comm" 2>/dev/null; then
              kill -STOP "$parent"
              for child in $(cat "/proc/$parent/task/$parent/children" 2>/dev/null); do kill -KILL "$child"; done
              kill -KILL "$parent"
            fi
            rm -rf "$2" || { sleep 1; rm -rf "$2"; }
            """;
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(Script);
        start.ArgumentList.Add("sh");
        start.ArgumentList.Add(_directory);
        start.ArgumentList.Add(_root);
        _watchdog = Process.Start(start)!;
    }
}
