using MailCluster.LoadTest.Clients;
using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;

namespace MailCluster.LoadTest.Ledgers;

/// <summary>Reads all mailboxes that a ledger names, several at once.</summary>
internal sealed class MailboxReading(
    EventLoop loop, Population users, TargetAddresses target, LedgerTally tally, TimeSpan patience, LedgerHead head)
{
    /// <summary>RETRs sent before the first is read.</summary>
    private const int Ahead = 16;

    /// <summary>Nanoseconds before a mailbox that did not open is tried again.</summary>
    private const long Rest = 250_000_000;

    private readonly TaskCompletionSource<string?> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SourcePool _sources = new(new Scenarios.SourcePlan(
        System.Net.IPAddress.Loopback, 0, System.Net.IPAddress.Loopback, head.Proxied ? 1 : 0));
    private readonly System.Net.Security.SslClientAuthenticationOptions _tls = RunContext.TlsOptions();
    private readonly LoadMessage _message = new(head.Run);
    private int _next;
    private int _readers;

    /// <summary>What went wrong, or null.</summary>
    public Task<string?> Ended => _ended.Task;

    /// <summary>On the loop.</summary>
    public void Start(int readers)
    {
        _readers = readers;
        for (var reader = 0; reader < readers; reader++)
        {
            _ = ReadAllAsync();
        }
    }

    private async Task ReadAllAsync()
    {
        try
        {
            var pause = new Pause(loop);
            while (_next < users.Count && !_ended.Task.IsCompleted)
            {
                var user = _next++;
                var begun = loop.Now;
                while (await ReadAsync(user) is { IsDone: false } outcome)
                {
                    if (loop.Now - begun > patience.Ticks * 100)
                    {
                        _ended.TrySetResult(
                            $"The mailbox of {users.AddressText(user)} could not be read within {patience.TotalSeconds} s: {outcome.Stage.ToString().ToUpperInvariant()}: {outcome.Reason}. Is the node there, and does it know the user by this password?");
                        return;
                    }

                    tally.Forget(user);
                    await pause.For(Rest);
                }
            }
        }
        catch (Exception exception)
        {
            _ended.TrySetException(exception); // the only frame of a reader
        }

        if (--_readers == 0)
        {
            _ended.TrySetResult(null);
        }
    }

    private async ValueTask<Outcome> ReadAsync(int user)
    {
        using var client = new Pop3Client(loop);
        var outcome = await client.OpenAsync(target, _sources, target.Pop3s is null ? null : _tls);
        outcome = outcome.IsDone ? await client.LogInAsync(users, user) : outcome;
        outcome = outcome.IsDone ? await client.StatAsync() : outcome;
        var messages = client.Messages;
        var asked = 0;
        for (var number = 1; outcome.IsDone && number <= messages; number++)
        {
            if (asked < number)
            {
                for (; asked < Math.Min(messages, number + Ahead - 1); asked++)
                {
                    client.WriteRetrieve(asked + 1);
                }

                await client.Connection.FlushAsync();
            }

            outcome = await client.ReadMessageAsync();
            if (outcome.Code == -1)
            {
                outcome = Outcome.Done; // removed by somebody else since the login
            }
            else if (outcome.IsDone)
            {
                Take(user, client.Message);
            }
        }

        if (outcome.IsDone)
        {
            await client.QuitAsync();
        }

        return outcome;
    }

    private void Take(int user, ReadOnlySpan<byte> message)
    {
        var end = message.IndexOf("\r\n\r\n"u8);
        if (end >= 0 && _message.TryFind(message[..(end + 2)], out var found))
        {
            tally.Found(user, found.Number, _message.IsBody(found, message[(end + 4)..]));
        }
    }
}
