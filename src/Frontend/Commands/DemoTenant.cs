using MailCluster.Actors.Accounts;
using MailCluster.Frontend.Options;
using Spectre.Console;

namespace MailCluster.Frontend.Commands;

/// <summary>
/// Two users to try the node with. Their passwords are made at first start and kept, so that every start shows the
/// same.
/// </summary>
internal sealed class DemoTenant
{
    public const string Tenant = "demo";

    public const string Domain = "example.test";

    private static readonly string[] Users = ["alice", "bob"];

    private readonly string[] _passwords;

    private DemoTenant(string[] passwords) => _passwords = passwords;

    /// <summary>Null when the store has domains of somebody's own.</summary>
    public static async Task<DemoTenant?> OpenAsync(Node node, CancellationToken cancellationToken)
    {
        var directory = node.Store.Directory;
        var file = Path.Combine(node.Options.Node.DataDirectory, "demo.txt");
        var known = File.Exists(file);
        var domains = await directory.ListDomainsAsync(null, 2, cancellationToken);
        if (!known && domains.Any(domain => domain.Name != Domain))
        {
            return null;
        }

        if (!known)
        {
            PrivateFile.Write(
                file, string.Concat(Users.Select(user => $"{user}@{Domain} {UserCommand.GeneratePassword()}\n")));
        }

        var passwords = File.ReadAllLines(file).Select(line => line.Split(' ')[^1]).ToArray();
        if (passwords.Length < Users.Length)
        {
            throw new CommandException(ExitCode.System,
                $"{file} is not what was written there; remove it with the data directory, or restore it.");
        }

        if (domains.IsEmpty || !known)
        {
            await directory.AddDomainAsync(Tenant, Domain, cancellationToken);
            var hashed = PasswordHasher.HashAll(
                [.. Users.Zip(passwords)], node.Options.Accounts.ScramIterations, null, cancellationToken);
            await directory.AddAccountsAsync(Domain, hashed, cancellationToken);
        }

        return new DemoTenant(passwords);
    }

    /// <summary>What to type to see it work.</summary>
    public void Show(Node node, Terminal terminal)
    {
        terminal.Line("");
        terminal.Line(
            $"The node serves. {Domain} has two users (kept in {Path.Combine(node.Options.Node.DataDirectory, "demo.txt")}):");
        terminal.Table(["User", "Password"],
            [.. Users.Select((user, index) => new[] { $"{user}@{Domain}", _passwords[index] })], "");
        if (SendLine(node) is { } send)
        {
            terminal.Line("Send a message:");
            terminal.Line($"  {send}");
        }

        if (ReadLine(node) is { } read)
        {
            terminal.Line("Read it:");
            terminal.Line($"  {read}");
        }

        terminal.Line("Ctrl-C stops it.");
        terminal.Line("");
    }

    private static string? SendLine(Node node)
    {
        var gateway = node.Options.Smtp.Bindings.FirstOrDefault(
            binding => binding.Role == SmtpRole.Gateway && binding.Tls != BindingTls.Implicit);
        return gateway is not null && Where(node, gateway.Name) is { } endpoint
            ? $@"printf 'From: bob@{Domain}\r\nTo: alice@{Domain}\r\nSubject: Hello\r\n\r\nIt works.\r\n' | curl -sS smtp://{endpoint}"
                + $" --mail-from bob@{Domain} --mail-rcpt alice@{Domain} --upload-file -"
            : null;
    }

    private string? ReadLine(Node node)
    {
        var pop3 = node.Options.Pop3.Bindings.MaxBy(binding => binding.Tls);
        return pop3 is not null && Where(node, pop3.Name) is { } endpoint
            ? $"curl -sS {(pop3.Tls == BindingTls.StartTls ? "-k --ssl-reqd pop3" : pop3.Tls == BindingTls.Implicit ? "-k pop3s" : "pop3")}"
                + $"://{endpoint}/1 --user alice@{Domain}:{_passwords[0]}"
            : null;
    }

    private static string? Where(Node node, string binding) =>
        node.Listeners.FirstOrDefault(listener => listener.Binding == binding)?.Endpoint.ToString();
}
