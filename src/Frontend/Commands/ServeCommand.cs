using System.CommandLine;
using MailCluster.Frontend.Edge;
using MailCluster.Frontend.Options;
using MailCluster.Frontend.Sasl;
using MailCluster.Storage;

namespace MailCluster.Frontend.Commands;

/// <summary>Runs a node until SIGTERM or Ctrl-C.</summary>
internal static class ServeCommand
{
    private sealed record Wishes(string? Config, string? Data, int Users, bool Demo, string? ReadyFile);

    public static Command Make(Terminal terminal)
    {
        var config =
            new Option<string?>("--config") { Description =
            "The configuration (JSON with comments). Without it: the defaults, on loopback." };
        var data = new Option<string?>("--data") { Description = "The data directory; wins over Node.DataDirectory." };
        var users = new Option<int>("--seed-users")
        {
            Description = "Makes user0001@example.test / pass0001 and so on, as many as are missing, before serving.",
        };
        users.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && long.TryParse(token.Value, out var number) && number is < 0
                or > UserSeeding.UsersMax)
            {
                result.AddError($"--seed-users takes a number from 0 to {UserSeeding.UsersMax}.");
            }
        });
        var demo =
            new Option<bool>("--demo") { Description =
            "On an empty store: makes example.test with alice and bob, and shows how to try them." };
        var readyFile = new Option<string?>(
            "--ready-file") { Description = "Written (JSON: pid, listeners) once clients are served." };
        var command = new Command("serve", "Runs a node") { config, data, users, demo, readyFile };
        command.SetAction((arguments, cancellationToken) => RunAsync(terminal, new Wishes(
            arguments.GetValue(config), arguments.GetValue(data), arguments.GetValue(users), arguments.GetValue(demo),
            arguments.GetValue(readyFile)), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(Terminal terminal, Wishes wishes, CancellationToken cancellationToken)
    {
        var loaded = ConfigurationLoader.Load(wishes.Config, wishes.Data);
        try
        {
            await using var node =
                await Composition.OpenAsync(loaded.Options, Console.OpenStandardOutput(), TimeProvider.System);
            SayWhatIsNotInForce(node, loaded);
            node.Services.GetRequiredService<SaslOffer>().Say();
            if (wishes.Users > 0)
            {
                await UserSeeding.RunAsync(node, wishes.Users, terminal, cancellationToken);
            }

            var tenant = wishes.Demo ? await DemoTenant.OpenAsync(node, cancellationToken) : null;
            await node.StartAsync(cancellationToken);
            foreach (var (binding, endpoints) in node.Report().Listeners)
            {
                ServeLog.Listening(
                    node.Loggers.CreateLogger("MailCluster.Node"), binding, string.Join(", ", endpoints));
            }

            tenant?.Show(node, terminal);
            if (wishes.ReadyFile is not null)
            {
                node.WriteReadyFile(wishes.ReadyFile);
            }

            await node.RunAsync(cancellationToken);
            return ExitCode.Done;
        }
        catch (Exception exception) when (exception is StoreOpenException or CertificateException)
        {
            throw new CommandException(ExitCode.System, exception.Message);
        }
        catch (Exception exception) when (
            exception is IOException or UnauthorizedAccessException or System.Net.Sockets.SocketException)
        {
            // Kestrel's text names the address: "Failed to bind to address http://127.0.0.1:2525: address already in
            // use."
            var message = exception.Message.Replace("http://", "", StringComparison.Ordinal);
            throw new CommandException(ExitCode.System, $"The node cannot start: {message}");
        }
        finally
        {
            if (wishes.ReadyFile is not null)
            {
                File.Delete(wishes.ReadyFile);
            }
        }
    }

    private static void SayWhatIsNotInForce(Node node, LoadedConfiguration loaded)
    {
        var log = node.Loggers.CreateLogger("MailCluster.Node");
        foreach (var advice in loaded.Advice)
        {
            ServeLog.Advice(log, advice);
        }

        if (!loaded.NotInForce.IsEmpty)
        {
            ServeLog.NotInForce(log, string.Join(", ", loaded.NotInForce.Select(entry => entry.Path)));
        }
    }
}
