using System.CommandLine;
using MailCluster.Frontend.Conformance;

namespace MailCluster.Frontend.Commands;

/// <summary>The options that say which server is judged, and by which limits.</summary>
internal sealed class TargetOptions
{
    private static readonly Target Defaults = new() { Smtp = new Place("", 1) };

    private readonly Option<string> _target = new("--target")
    {
        Description = "host:port of SMTP; a gateway, which takes mail for --recipient from strangers.", Required = true,
    };

    private readonly Option<string?> _submission = new("--submission")
    {
        Description = "host:port where users log in to send; without it, --target.",
    };

    private readonly Option<string?> _pop3 = new("--pop3") { Description = "host:port of POP3." };

    private readonly Option<TlsUse> _tls = new("--tls")
    {
        Description = "SMTP: starttls before what is secret, implicit from the beginning, or none. "
            + "Certificates are not checked.",
    };

    private readonly Option<TlsUse> _pop3Tls = new("--pop3-tls") { Description = "The same for POP3." };

    private readonly Option<string?> _recipient = new("--recipient")
    {
        Description = "A mailbox that mail is taken for; test messages are delivered to it. For POP3, that of --user.",
    };

    private readonly Option<string> _sender = new("--sender")
    {
        Description = "The reverse-path; without it the null one.", DefaultValueFactory = _ => Defaults.Sender,
    };

    private readonly Option<string?> _user = new("--user") { Description = "The name to log in with." };

    private readonly Option<bool> _password = new("--password-stdin")
    {
        Description = "Reads its password from the first line of standard input; a terminal is asked without it.",
    };

    private readonly Option<int> _recipients =
        Number("--max-recipients", "Recipients of a message", Defaults.MaxRecipients);

    private readonly Option<int> _hops = Number("--max-hops", "Received fields", Defaults.MaxHops);

    private readonly Option<int> _localHops =
        Number("--max-local-hops", "Received fields of the server's own, 0: off", Defaults.MaxLocalHops);

    private readonly Option<int> _header =
        Number("--max-header-size", "Octets of a header section", Defaults.MaxHeaderSize);

    private readonly Option<long?> _message = new("--max-message-size")
    {
        Description = "Octets of a message; without it, what SIZE announces.",
    };

    private readonly Option<int> _rate = Number("--rate-limit", "Messages per minute, 0: none", Defaults.RateLimit);

    private readonly Option<int> _connections = Number("--connections", "Connections in all", Defaults.Connections);

    private readonly Option<int> _perSource =
        Number("--connections-per-source", "Connections of one address", Defaults.ConnectionsPerSource);

    private readonly Option<int> _errors = Number("--protocol-errors", "Protocol errors", Defaults.ProtocolErrors);

    private readonly Option<int> _logons = Number("--logon-failures", "Wrong logins, 0: any", Defaults.LogonFailures);

    private readonly Option<double> _connectionTime =
        Time("--connection-time", "Seconds that a session lasts at most", Defaults.ConnectionTime);

    private readonly Option<double?> _idle = new("--idle")
    {
        Description = "Seconds of silence that end a session; without it any up to --connection-time are right.",
    };

    private readonly Option<double> _tarpit =
        Time("--tarpit", "Seconds that an error is held back, 0: off", Defaults.Tarpit);

    private readonly Option<int> _commandSize =
        Number("--pop3-command-size", "Octets of a POP3 command with its CRLF", Defaults.Pop3CommandSize);

    private readonly Option<double> _pop3Idle =
        Time("--pop3-idle", "Seconds of silence that end POP3 before the login", Defaults.Pop3Idle);

    private readonly Option<double> _pop3IdleLoggedOn =
        Time("--pop3-idle-logged-on", "The same after the login", Defaults.Pop3IdleLoggedOn);

    private readonly Option<bool> _slow = new("--slow") { Description = "Plays rows that wait for minutes too." };

    private readonly Option<bool> _flood = new("--flood")
    {
        Description = "Plays rows that take hundreds of messages, connections or megabytes too.",
    };

    private readonly Option<double> _timeout = Time("--timeout", "Seconds to wait for a reply", Defaults.Patience);

    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _target, _submission, _pop3, _tls, _pop3Tls, _recipient, _sender, _user, _password, _recipients, _hops,
            _localHops, _header, _message, _rate, _connections, _perSource, _errors, _logons, _connectionTime, _idle,
            _tarpit, _commandSize, _pop3Idle, _pop3IdleLoggedOn, _slow, _flood, _timeout,
        })
        {
            command.Add(option);
        }
    }

    public Target Read(ParseResult arguments, Terminal terminal) => new()
    {
        Smtp = Place(_target.Name, arguments.GetRequiredValue(_target)),
        Submission = arguments.GetValue(_submission) is { } submission ? Place(_submission.Name, submission) : null,
        Pop3 = arguments.GetValue(_pop3) is { } pop3 ? Place(_pop3.Name, pop3) : null,
        Tls = arguments.GetValue(_tls),
        Pop3Tls = arguments.GetValue(_pop3Tls),
        Recipient = arguments.GetValue(_recipient),
        Sender = arguments.GetRequiredValue(_sender),
        User = arguments.GetValue(_user),
        Password = Password(arguments, terminal),
        MaxRecipients = arguments.GetValue(_recipients),
        MaxHops = arguments.GetValue(_hops),
        MaxLocalHops = arguments.GetValue(_localHops),
        MaxHeaderSize = arguments.GetValue(_header),
        MaxMessageSize = arguments.GetValue(_message),
        RateLimit = arguments.GetValue(_rate),
        Connections = arguments.GetValue(_connections),
        ConnectionsPerSource = arguments.GetValue(_perSource),
        ProtocolErrors = arguments.GetValue(_errors),
        LogonFailures = arguments.GetValue(_logons),
        ConnectionTime = TimeSpan.FromSeconds(arguments.GetValue(_connectionTime)),
        Idle = arguments.GetValue(_idle) is { } idle ? TimeSpan.FromSeconds(idle) : null,
        Tarpit = TimeSpan.FromSeconds(arguments.GetValue(_tarpit)),
        Pop3CommandSize = arguments.GetValue(_commandSize),
        Pop3Idle = TimeSpan.FromSeconds(arguments.GetValue(_pop3Idle)),
        Pop3IdleLoggedOn = TimeSpan.FromSeconds(arguments.GetValue(_pop3IdleLoggedOn)),
        Slow = arguments.GetValue(_slow),
        Flood = arguments.GetValue(_flood),
        Patience = TimeSpan.FromSeconds(arguments.GetValue(_timeout)),
    };

    private string? Password(ParseResult arguments, Terminal terminal)
    {
        if (arguments.GetValue(_password))
        {
            return PasswordSource.FromStandardInput(terminal);
        }

        return arguments.GetValue(_user) is null ? null : terminal.Secret("Password:");
    }

    private static Place Place(string option, string text) =>
        Conformance.Place.Parse(text)
            ?? throw new CommandException(ExitCode.Usage, $"{option}: \"{text}\" is not host:port.");

    private static Option<int> Number(string name, string what, int otherwise)
    {
        var option = new Option<int>(name) { Description = $"{what}.", DefaultValueFactory = _ => otherwise };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out var number) && number < 0)
            {
                result.AddError($"{name}: not below 0.");
            }
        });
        return option;
    }

    /// <summary>Up to a day.</summary>
    private static Option<double> Time(string name, string what, TimeSpan otherwise)
    {
        var option = new Option<double>(name)
        {
            Description = $"{what}.", DefaultValueFactory = _ => otherwise.TotalSeconds,
        };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0 and <= 86_400))
            {
                result.AddError($"{name}: 0 to 86400 seconds.");
            }
        });
        return option;
    }
}
