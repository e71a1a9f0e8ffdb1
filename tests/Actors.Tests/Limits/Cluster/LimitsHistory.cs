using MailCluster.Actors.Cluster.Wire;
using MailCluster.Actors.Limits;
using MailCluster.Shared.Cluster;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits.Cluster;

/// <summary>One seed: clients that come and go, and trouble, for half a minute; then all is well and checked.</summary>
internal sealed class LimitsHistory(int seed, bool admitsUnasked, Func<Envelope, Envelope?>? bug) : IDisposable
{
    private const int Clients = 64;
    private const int Limit = 20;

    private static readonly TimeSpan Trouble = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private readonly Random _random = new(seed);
    private readonly LimitsCluster _cluster = new(
        seed, [SourceLimits.ShardOf(Source)], new SourceLimitOptions(), bug);

    private TimeSpan _quietSince;
    private int _faults;

    public int Admitted { get; private set; }

    public int Refused { get; private set; }

    public int Unasked { get; private set; }

    private TimeSpan Now => _cluster.Scheduler.Time.Now;

    public void Check()
    {
        _cluster.Scheduler.Run(() => Task.WhenAll(
        [
            .. Enumerable.Range(0, Clients).Select(_ => ClientAsync()), KillingAsync(), MovingAsync(), PartingAsync(),
        ]));
        _cluster.Scheduler.Advance(TimeSpan.FromSeconds(11));
        var left = _cluster.Up.Sum(node => node.HeldHere) + _cluster.Owner.Known;
        Assert.True(left == 0, $"I6: {left} permits of nobody are left.");
        for (var i = 0; i < Limit; i++)
        {
            Assert.True(AdmitLast() is Admission.Admitted, $"I6: only {i} of {Limit} at the end.");
        }

        Assert.True(AdmitLast() is Admission.TooMany, "I6: more than the limit at the end.");
    }

    public void Dispose() => _cluster.Dispose();

    private Admission AdmitLast()
    {
        var nodes = _cluster.Up.ToArray();
        var node = nodes[_random.Next(nodes.Length)];
        return _cluster.Scheduler.Run(
            () => node.Limits.AdmitAsync(Gateway, Source, ++node.Connections, Limit).AsTask());
    }

    private async Task ClientAsync()
    {
        while (Now < Trouble)
        {
            await _cluster.WaitAsync(TimeSpan.FromMilliseconds(500));
            var nodes = _cluster.Up.ToArray();
            var node = nodes[_random.Next(nodes.Length)];
            var connection = ++node.Connections;
            var answer = node.Limits.AdmitAsync(Gateway, Source, connection, Limit).AsTask();
            await Task.WhenAny(answer, node.Crashed);
            if (!node.IsUp)
            {
                continue;
            }

            if (await IsLetInAsync(node, connection, answer))
            {
                await Task.WhenAny(_cluster.WaitAsync(Longest), node.Crashed);
                if (node.Held.Remove(connection))
                {
                    node.Limits.Release(Gateway, Source, connection);
                }
            }
        }
    }

    private async Task<bool> IsLetInAsync(LimitsNode node, long connection, Task<Admission> answer)
    {
        var verdict = await answer;
        if (!node.IsUp)
        {
            return false;
        }

        switch (verdict)
        {
            case Admission.Admitted:
                Admitted++;
                node.Held.Add(connection);
                CheckCount();
                return true;
            case Admission.Unreachable when admitsUnasked
                && node.Limits.TryHoldUnasked(Gateway, Source, connection, Limit):
                Unasked++;
                node.Held.Add(connection);
                CheckCount();
                return true;
            default:
                Refused++;
                return false;
        }
    }

    /// <summary>
    /// Let in unasked are at most as many as the limit at each node; until those have gone there may be more, but once
    /// all nodes can reach the home they count.
    /// </summary>
    private void CheckCount()
    {
        var isQuiet = !admitsUnasked || (_faults == 0 && Now - _quietSince > Longest + TimeSpan.FromSeconds(6));
        var most = isQuiet ? Limit : Limit * LimitsCluster.Nodes;
        Assert.True(_cluster.Held <= most, $"I6: {_cluster.Held} of {most} at {Now}");
    }

    private async Task KillingAsync()
    {
        while (Now < Trouble - TimeSpan.FromSeconds(5))
        {
            await _cluster.WaitAsync(TimeSpan.FromSeconds(6));
            var nodes = _cluster.Up.ToArray();
            var node = nodes[_random.Next(nodes.Length)];
            Begin();
            await _cluster.KillAsync(node);
            await _cluster.WaitAsync(TimeSpan.FromSeconds(1));
            _cluster.Restart(node);
            End();
        }
    }

    private async Task MovingAsync()
    {
        while (Now < Trouble)
        {
            await _cluster.WaitAsync(TimeSpan.FromSeconds(2));
            await _cluster.MoveAsync(_cluster.All[_random.Next(LimitsCluster.Nodes)]);
        }
    }

    private async Task PartingAsync()
    {
        while (Now < Trouble)
        {
            await _cluster.WaitAsync(TimeSpan.FromSeconds(8));
            var one = new NodeId(_random.Next(LimitsCluster.Nodes) + 1);
            var other = new NodeId((one.Value % LimitsCluster.Nodes) + 1);
            Begin();
            if (_random.Next(2) == 0)
            {
                _cluster.Network.Cut(one, other);
            }
            else
            {
                _cluster.Network.Partition(one, other);
                await _cluster.WaitAsync(TimeSpan.FromSeconds(5));
                _cluster.Network.Heal(one, other);
            }

            End();
        }
    }

    private void Begin() => _faults++;

    private void End()
    {
        _faults--;
        _quietSince = Now;
    }
}
