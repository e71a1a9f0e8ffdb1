using System.CommandLine;
using System.Net;
using System.Runtime.InteropServices;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Chaos;
using MailCluster.LoadTest.Ledgers;
using MailCluster.LoadTest.Reporting;
using MailCluster.LoadTest.Scenarios;
using MailCluster.LoadTest.Sink;

namespace MailCluster.Frontend.Commands;

/// <summary>"load": simulated clients against a server, and the ledger of what it acknowledged.</summary>
internal sealed class LoadCommand
{
    private readonly Argument<string?> _scenario = new("scenario")
    {
        Description = "A scenario, as scenarios/smoke.json", Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Says in words what would be done" };

    private readonly ScenarioChanges _changes = new();

    private readonly Option<string[]> _readyFile = new("--ready-file")
    {
        Description = "What \"mailcluster serve --ready-file\" wrote, for each node: instead of the scenario's targets",
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description = "The nodes' admin token. Default: MAILCLUSTER_ADMIN_TOKEN (itself), then data/admin.token",
    };

    private readonly Option<string[]> _cgroup = new("--cgroup")
    {
        Description = "The control groups that the servers run in: their CPU and memory instead of /metrics; the check waits until they rest",
    };

    private readonly Option<string> _settling = new("--settling")
    {
        Description = "How long nothing may come into mailboxes until what is missing is lost",
        DefaultValueFactory = _ => "30s",
    };

    private readonly Option<string?> _ledger = new("--ledger")
    {
        Description = "The file that keeps what was acknowledged. Default: load-DATE-TIME.ledger here",
    };

    private readonly Option<string?> _check = new("--check")
    {
        Description = "Runs nothing: compares the mailboxes with this ledger, also after the generator died",
    };

    private readonly Option<string?> _pop3s = new("--pop3s")
    {
        Description = "With --check: address:port of POP3 under TLS, instead of the ledger's",
    };

    private readonly Option<string?> _pop3 = new("--pop3") { Description = "The same without TLS" };

    private readonly Option<bool> _json = new("--json")
    {
        Description = "JSON lines: one for each second, one at the end",
    };

    private readonly Option<string?> _report = new("--report")
    {
        Description = "Writes an HTML page with charts, which needs nothing beside it",
    };

    private readonly Option<string?> _chaos = new("--chaos")
    {
        Description = "Hurts the nodes of --ready-file: kill=20s,pause=30s/5s (at 30 s for 5 s)",
    };

    private readonly Option<string?> _restart = new("--restart")
    {
        Description = "A shell command that starts the node NODE (from 1 on) again, whose ready file is READY_FILE",
    };

    private readonly Option<string?> _partition = new("--partition-command")
    {
        Description = "A shell command that gets a ready file and \"cut\" or \"heal\", for --chaos partition=30s/5s",
    };

    private readonly Option<bool> _sink = new("--sink")
    {
        Description = "Serves SMTP and POP3 that take everything and keep nothing, to measure the generator itself",
    };

    private readonly Option<string> _sinkSmtp = new("--sink-smtp")
    {
        Description = "address:port of the sink's SMTP", DefaultValueFactory = _ => "127.0.0.1:3525",
    };

    private readonly Option<string> _sinkPop3 = new("--sink-pop3")
    {
        Description = "address:port of its POP3", DefaultValueFactory = _ => "127.0.0.1:3110",
    };

    private readonly Terminal _terminal;
    private readonly TimeProvider _time;

    private LoadCommand(Terminal terminal, TimeProvider time)
    {
        _terminal = terminal;
        _time = time;
    }

    public static Command Make(Terminal terminal, TimeProvider time)
    {
        var load = new LoadCommand(terminal, time);
        var command = new Command(
            "load", "Simulates clients, and checks that what was acknowledged is in the mailboxes exactly once")
        {
            load._scenario, load._dryRun, load._readyFile, load._tokenFile,
            load._ledger, load._check, load._pop3s, load._pop3, load._json, load._report, load._chaos, load._restart,
            load._partition, load._cgroup, load._settling, load._sink, load._sinkSmtp, load._sinkPop3,
        };
        load._changes.AddTo(command);
        command.Validators.Add(result =>
        {
            var tasks = (result.GetValue(load._scenario) is null ? 0 : 1)
                + (result.GetValue(load._check) is null ? 0 : 1) + (result.GetValue(load._sink) ? 1 : 0);
            if (tasks != 1)
            {
                result.AddError("Give a scenario (scenarios/smoke.json), or --check LEDGER, or --sink.");
            }
        });
        command.SetAction((arguments, cancellationToken) => load.RunAsync(arguments, cancellationToken));
        return command;
    }

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        try
        {
            if (arguments.GetValue(_sink))
            {
                return await SinkAsync(arguments, cancellationToken);
            }

            return arguments.GetValue(_check) is { } ledger
                ? await CheckAsync(arguments, ledger, cancellationToken)
                : await DriveAsync(arguments, cancellationToken);
        }
        catch (LoadFaultException fault)
        {
            throw new CommandException(ExitCode.Usage, fault.Message);
        }
        catch (OperationCanceledException)
        {
            throw new CommandException(ExitCode.Usage, "Interrupted before anything was sent.");
        }
    }

    private async Task<int> DriveAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var scenario = _changes.Apply(arguments, ScenarioFile.Read(arguments.GetRequiredValue(_scenario)!));
        if (arguments.GetValue(_dryRun))
        {
            foreach (var line in ScenarioText.Explain(scenario))
            {
                _terminal.Line(line);
            }

            return ExitCode.Done;
        }

        var report = arguments.GetValue(_report);
        var view = new LoadView(_terminal, scenario, arguments.GetValue(_json));
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var first = EndBy(PosixSignal.SIGINT, interrupt);
        using var second = EndBy(PosixSignal.SIGTERM, interrupt);
        var wishes = new LoadWishes
        {
            Scenario = scenario,
            LedgerPath = Path.GetFullPath(arguments.GetValue(_ledger)
                ?? FormattableString.Invariant($"load-{_time.GetLocalNow():yyyyMMdd-HHmmss}.ledger")),
            AdminToken = Token(arguments),
            ReadyFiles = arguments.GetValue(_readyFile) ?? [],
            Chaos = arguments.GetValue(_chaos) is { } chaos ? ChaosPlan.Parse(chaos) : new ChaosPlan([]),
            Restart = arguments.GetValue(_restart),
            Partition = arguments.GetValue(_partition),
            Groups = arguments.GetValue(_cgroup) ?? [],
            Settling = Settling(arguments),
            Time = _time,
            Second = view.Second,
            Happened = view.Happened,
        };
        var result = await view.ShowAsync(() => LoadRun.RunAsync(wishes, interrupt.Token));
        if (report is not null)
        {
            HtmlReport.Write(report, result, _time.GetLocalNow());
        }

        view.End(result, report);
        return result.Verdict is { IsGreen: false } ? ExitCode.Refused : ExitCode.Done;
    }

    /// <summary>The first signal ends the run with what there is, the second one ends the program.</summary>
    private static PosixSignalRegistration EndBy(PosixSignal signal, CancellationTokenSource interrupt) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = !interrupt.IsCancellationRequested;
            interrupt.Cancel();
        });

    private async Task<int> CheckAsync(ParseResult arguments, string ledger, CancellationToken cancellationToken)
    {
        var token = Token(arguments);
        var target = arguments.GetValue(_readyFile) is [var file, ..] ? TargetOf(file) : null;
        var verdict = await LedgerCheck.SettleAsync(ledger, new CheckWishes
        {
            Pop3 = Endpoint(_pop3.Name, arguments.GetValue(_pop3)) ?? target?.Pop3,
            Pop3s = Endpoint(_pop3s.Name, arguments.GetValue(_pop3s)) ?? target?.Pop3s,
            Admin = target?.Admin,
            AdminToken = token,
            Time = _time,
        }, Settling(arguments), cancellationToken);
        new LoadView(_terminal, null, arguments.GetValue(_json)).Show(verdict);
        return verdict.IsGreen ? ExitCode.Done : ExitCode.Refused;
    }

    private async Task<int> SinkAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        using var sink = new SinkServer(
            Endpoint(_sinkSmtp.Name, arguments.GetValue(_sinkSmtp))!,
            Endpoint(_sinkPop3.Name, arguments.GetValue(_sinkPop3))!, _time);
        _terminal.Line($"The sink takes SMTP at {sink.Smtp} and POP3 at {sink.Pop3}. Ctrl-C stops it.");
        await _terminal.Output.FlushAsync(cancellationToken);
        await sink.RunAsync(cancellationToken);
        return ExitCode.Done;
    }

    private TimeSpan Settling(ParseResult arguments)
    {
        var text = arguments.GetRequiredValue(_settling);
        return DurationText.TryParse(text, out var settling)
            ? settling
            : throw new LoadFaultException($"{_settling.Name}: \"{text}\" is no duration: 30s, 5m.");
    }

    private static Target TargetOf(string readyFile) => ReadyFile.Read(readyFile).Target;

    private string? Token(ParseResult arguments)
    {
        var file = arguments.GetValue(_tokenFile);
        if (file is null && Environment.GetEnvironmentVariable(AdminTarget.TokenVariable) is { Length: > 0 } token)
        {
            return token;
        }

        var path = file ?? Path.Combine("data", "admin.token");
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return file is null ? null : throw new LoadFaultException(
                $"The admin token {path} cannot be read: {exception.Message}");
        }
    }

    private static IPEndPoint? Endpoint(string option, string? text) => text is null ? null
        : IPEndPoint.TryParse(text, out var endpoint) ? endpoint
        : throw new LoadFaultException($"{option}: \"{text}\" is not address:port.");
}
