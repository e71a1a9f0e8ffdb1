using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Commands;

/// <summary>How a command finds the node: what it was told, then the environment, then the configuration.</summary>
internal sealed class AdminTarget
{
    public const string UrlVariable = "MAILCLUSTER_ADMIN_URL";
    public const string TokenVariable = "MAILCLUSTER_ADMIN_TOKEN";

    private readonly Option<string?> _url = new("--url")
    {
        Description = $"The node's HTTP endpoint. Default: {UrlVariable}, then Http.Endpoint of the configuration.",
        Recursive = true,
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        Description =
            $"The file with the admin token. Default: {TokenVariable} (the token itself), then Http.AdminTokenFile.",
        Recursive = true,
    };

    private readonly Option<string?> _config = new("--config")
    {
        Description = "The configuration that the node was started with.",
        Recursive = true,
    };

    public void AddTo(Command command)
    {
        command.Add(_url);
        command.Add(_tokenFile);
        command.Add(_config);
    }

    public AdminClient Connect(ParseResult arguments)
    {
        var http = ConfigurationLoader.Load(arguments.GetValue(_config)).Options.Http;
        var url = arguments.GetValue(_url) ?? Environment.GetEnvironmentVariable(UrlVariable) ?? UrlOf(http);
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new CommandException(ExitCode.Usage, $"{url} is not an http or https address.");
        }

        return new AdminClient(address, Token(arguments.GetValue(_tokenFile), http, address));
    }

    private static string? Token(string? file, HttpOptions http, Uri address)
    {
        if (file is null && Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token)
        {
            return token;
        }

        var path = Path.GetFullPath(file ?? http.AdminTokenFile);
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // Without a node there is no token either: that is what has to be said then, so ask the node first.
            return file is null ? null
                : throw new CommandException(ExitCode.NotAllowed, $"There is no token file {path}.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(
                ExitCode.NotAllowed,
                $"The admin token for {address} cannot be read: {exception.Message} (try as the node's user, or sudo)");
        }
    }

    private static string UrlOf(HttpOptions http)
    {
        var endpoint = http.Endpoints[0];
        var address = endpoint.Address.Equals(IPAddress.Any) ? IPAddress.Loopback
            : endpoint.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback
            : endpoint.Address;
        var host = address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString();
        return $"http://{host}:{endpoint.Port}";
    }
}
