using System.Net;
using MailCluster.LoadTest.Clients;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>Where and how a check looks; what is null is taken from the ledger.</summary>
public sealed record CheckWishes
{
    public IPEndPoint? Pop3 { get; init; }

    public IPEndPoint? Pop3s { get; init; }

    public Uri? Admin { get; init; }

    /// <summary>Of the admin API; null: the spool is not looked at.</summary>
    public string? AdminToken { get; init; }

    /// <summary>How long a mailbox may refuse to open, while a node starts again.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Compares mailboxes with a ledger.</summary>
public static class LedgerCheck
{
    /// <summary>Mailboxes read at once.</summary>
    private const int Readers = 8;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Looks again while something is only missing: it may be on its way from a queue, which not every server tells of.
    /// </summary>
    /// <param name="settling">How long nothing may come there before it is taken for lost.</param>
    public static async Task<LedgerVerdict> SettleAsync(
        string path, CheckWishes wishes, TimeSpan settling, CancellationToken cancellationToken)
    {
        var time = wishes.Time;
        var least = long.MaxValue;
        var came = time.GetTimestamp();
        while (true)
        {
            var begun = time.GetTimestamp();
            var verdict = await RunAsync(path, wishes, cancellationToken);
            var isOnlyMissing = verdict.FindingCount == verdict.Counts.GetValueOrDefault(FindingKind.Lost);
            if (verdict.IsGreen || !isOnlyMissing)
            {
                return verdict;
            }

            if (verdict.FindingCount < least)
            {
                least = verdict.FindingCount;
                came = begun;
            }
            else if (time.GetElapsedTime(came) > settling)
            {
                return verdict;
            }

            // As long again as the look took: looking is work for a server that has a queue to empty.
            var took = time.GetElapsedTime(begun);
            await Task.Delay(took > Rest ? took : Rest, time, cancellationToken);
        }
    }

    public static async Task<LedgerVerdict> RunAsync(
        string path, CheckWishes wishes, CancellationToken cancellationToken)
    {
        var book = LedgerBook.Read(path);
        var head = book.Head;
        var users = new Population(
            new UserPlan(head.Users, head.Tenants, head.Name, head.Domain, head.Password, false), head.Secret);
        var target = new Target
        {
            Pop3 = wishes.Pop3 ?? (wishes.Pop3s is null ? Endpoint(head.Pop3) : null),
            Pop3s = wishes.Pop3s ?? (wishes.Pop3 is null ? Endpoint(head.Pop3s) : null),
            Admin = wishes.Admin ?? (head.Admin is null ? null : new Uri(head.Admin)),
        };
        if (target.Pop3 is null && target.Pop3s is null)
        {
            throw new LoadFaultException(
                $"{path} names no POP3 server, so no mailbox can be looked into. Say where it is with --pop3s or --pop3.");
        }

        using var loop = new EventLoop(wishes.Time);
        var tally = new LedgerTally(book, users);
        var reading = new MailboxReading(loop, users, new TargetAddresses(target), tally, wishes.Patience, head);
        var ended = loop.Start("ledger check");
        await using (cancellationToken.Register(loop.Stop))
        {
            loop.Post(() => reading.Start(Readers));
            var fault = await Task.WhenAny(reading.Ended, ended) == ended ? null : await reading.Ended;
            loop.Stop();
            await ended;
            cancellationToken.ThrowIfCancellationRequested();
            if (fault is not null)
            {
                throw new LoadFaultException(fault);
            }
        }

        var missing = tally.Missing();
        if (missing.Count > 0 && target.Admin is { } admin && wishes.AdminToken is { } token)
        {
            var ids = LedgerBook.QueueIds(path, missing.Select(copy => copy.Number).ToHashSet());
            using var api = new AdminApi(admin, token);
            await tally.LookIntoSpoolAsync(api, missing, ids, cancellationToken);
        }

        return tally.Judge(path, missing);
    }

    private static IPEndPoint? Endpoint(string? text) => text is null ? null : IPEndPoint.Parse(text);
}
