using System.CommandLine;
using System.Security.Cryptography;
using MailCluster.Frontend.Admin;

namespace MailCluster.Frontend.Commands;

internal static class UserCommand
{
    /// <summary>Without characters that look alike; 20 of 56 are 116 bits.</summary>
    private const string PasswordCharacters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    private const int PasswordLength = 20;

    public static Command Make(Terminal terminal)
    {
        var command = new Command("user", "Users of a running node");
        var target = new AdminTarget();
        target.AddTo(command);
        command.Add(Add(terminal, target));
        command.Add(List(terminal, target));
        command.Add(SetPassword(terminal, target));
        command.Add(Suspend(terminal, target));
        command.Add(Remove(terminal, target));
        return command;
    }

    public static string GeneratePassword() => RandomNumberGenerator.GetString(PasswordCharacters, PasswordLength);

    private static Argument<string> Address() => new("address") { Description = "name@domain" };

    private static Command Add(Terminal terminal, AdminTarget target)
    {
        var address = Address();
        var password = new PasswordSource();
        var command = new Command("add", "Adds a user with a mailbox") { address };
        password.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var user = arguments.GetRequiredValue(address);
            var (text, isGenerated) = password.Read(arguments, terminal);
            await client.SendAsync(
                HttpMethod.Post, "users", new NewUser(user, text), AdminJson.Default.NewUser, cancellationToken);
            terminal.Line(isGenerated ? $"User {user} was added with the password {text}" : $"User {user} was added.");
        });
        return command;
    }

    private static Command List(Terminal terminal, AdminTarget target)
    {
        var domain = new Argument<string>("domain");
        var json = new Option<bool>("--json") { Description = "One JSON list" };
        var command = new Command("list", "Lists the users of a domain") { domain, json };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var path = $"domains/{AdminClient.Escape(arguments.GetRequiredValue(domain))}/users";
            var users = await client.ListAsync(path, AdminJson.Default.PageUserView, cancellationToken);
            if (arguments.GetValue(json))
            {
                terminal.Json(users, ListJson.Default.ListUserView);
                return;
            }

            terminal.Table(
                ["User", "State"],
                [.. users.Select(row =>
                    new[] { row.Address, row.Suspended ? "suspended" : row.CanLogIn ? "active" : "no password" })],
                "The domain has no users.");
        });
        return command;
    }

    private static Command SetPassword(Terminal terminal, AdminTarget target)
    {
        var address = Address();
        var password = new PasswordSource();
        var command = new Command("passwd", "Sets a user's password") { address };
        password.AddTo(command);
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var user = arguments.GetRequiredValue(address);
            var (text, isGenerated) = password.Read(arguments, terminal);
            await client.SendAsync(
                HttpMethod.Put, $"users/{AdminClient.Escape(user)}/password", new NewPassword(text),
                AdminJson.Default.NewPassword, cancellationToken);
            terminal.Line(isGenerated ? $"The password of {user} is now {text}" : $"The password of {user} was set.");
        });
        return command;
    }

    private static Command Suspend(Terminal terminal, AdminTarget target)
    {
        var address = Address();
        var undo = new Option<bool>("--undo") { Description = "Lets the user log in again" };
        var command = new Command("suspend", "Keeps a user from logging in; the mail stays") { address, undo };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var user = arguments.GetRequiredValue(address);
            var suspended = !arguments.GetValue(undo);
            await client.SendAsync(
                HttpMethod.Put, $"users/{AdminClient.Escape(user)}/suspension", new Suspension(suspended),
                AdminJson.Default.Suspension, cancellationToken);
            terminal.Line(suspended ? $"User {user} is suspended." : $"User {user} can log in again.");
        });
        return command;
    }

    private static Command Remove(Terminal terminal, AdminTarget target)
    {
        var address = Address();
        var command = new Command("remove", "Removes a user with the mailbox and all its mail") { address };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            using var client = target.Connect(arguments);
            var user = arguments.GetRequiredValue(address);
            await client.DeleteAsync($"users/{AdminClient.Escape(user)}", cancellationToken);
            terminal.Line($"User {user} was removed.");
        });
        return command;
    }
}
