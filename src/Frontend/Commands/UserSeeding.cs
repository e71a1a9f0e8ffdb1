using System.Collections.Immutable;
using System.Globalization;
using MailCluster.Actors.Accounts;
using MailCluster.Actors.Storage;
using Spectre.Console;

namespace MailCluster.Frontend.Commands;

/// <summary>Users for load tests: user0001@example.test with pass0001, each with a salt of its own.</summary>
internal static class UserSeeding
{
    public const int UsersMax = 1_000_000;

    /// <summary>Users of one commit: enough to make the fsync nothing, few enough to show progress.</summary>
    private const int BatchUsers = 500;

    private const int PageRows = 1000;

    /// <summary>Makes those that are missing; when none is, only reads their names.</summary>
    public static async Task RunAsync(Node node, int count, Terminal terminal, CancellationToken cancellationToken)
    {
        var directory = node.Store.Directory;
        await directory.AddDomainAsync(DemoTenant.Tenant, DemoTenant.Domain, cancellationToken);
        var missing = await MissingAsync(directory, count, cancellationToken);
        if (missing.IsEmpty)
        {
            terminal.Line($"{count} users were there already: nothing to do.");
            return;
        }

        var iterations = node.Options.Accounts.ScramIterations;
        if (terminal.IsInteractive)
        {
            await terminal.Ansi.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                    new RemainingTimeColumn())
                .StartAsync(async progress =>
                {
                    var bar = progress.AddTask($"Making {missing.Length} users", maxValue: missing.Length);
                    await MakeAsync(directory, missing, iterations, made => bar.Value = made, cancellationToken);
                });
        }
        else
        {
            var tenths = 0;
            await MakeAsync(directory, missing, iterations, made =>
            {
                if (made * 10L / missing.Length > tenths)
                {
                    tenths = (int)(made * 10L / missing.Length);
                    terminal.Line($"Making users: {made} of {missing.Length}");
                }
            }, cancellationToken);
        }

        terminal.Line(
            $"{missing.Length} users were made: user0001@{DemoTenant.Domain} has the password pass0001, and so on.");
    }

    private static async Task<ImmutableArray<(string LocalPart, string Password)>> MissingAsync(
        IDirectoryStore directory, int count, CancellationToken cancellationToken)
    {
        var present = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        string? after = null;
        do
        {
            var page = await directory.ListAccountsAsync(DemoTenant.Domain, after, PageRows, cancellationToken);
            present.UnionWith(page.Select(account => account.LocalPart));
            after = page.Length == PageRows ? page[^1].LocalPart : null;
        }
        while (after is not null);

        var missing = ImmutableArray.CreateBuilder<(string, string)>();
        for (var number = 1; number <= count; number++)
        {
            var digits = number.ToString("D4", CultureInfo.InvariantCulture);
            if (!present.Contains($"user{digits}"))
            {
                missing.Add(($"user{digits}", $"pass{digits}"));
            }
        }

        return missing.ToImmutable();
    }

    private static async Task MakeAsync(
        IDirectoryStore directory, ImmutableArray<(string LocalPart, string Password)> users, int iterations,
        Action<int> progress,
        CancellationToken cancellationToken)
    {
        for (var from = 0; from < users.Length; from += BatchUsers)
        {
            var batch = users.Slice(from, Math.Min(BatchUsers, users.Length - from));
            var hashed = PasswordHasher.HashAll(batch, iterations, null, cancellationToken);
            await directory.AddAccountsAsync(DemoTenant.Domain, hashed, cancellationToken);
            progress(from + batch.Length);
        }
    }
}
