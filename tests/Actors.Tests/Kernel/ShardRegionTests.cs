using MailCluster.Actors.Kernel;
using Xunit;

namespace MailCluster.Actors.Tests.Kernel;

public sealed class ShardRegionTests
{
    private readonly Simulated _simulated = new();
    private readonly List<string> _events = [];
    private bool _agrees = true;
    private Action<Probe, Letter> _onReceive = (_, _) => { };

    [Fact]
    public void An_idle_entity_passivates_between_one_and_nine_eighths_of_its_time_out()
    {
        var region = Region(new ActorOptions { IdleTimeout = TimeSpan.FromSeconds(80) });
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(3));
        region.Tell(7, new Letter(1));
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(79.9));
        Assert.Equal(1, region.Count);
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(0, region.Count);
        Assert.Equal(["7 started", "7 got 1", "7 stopping"], _events);
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0, _simulated.System.DeadlineCount);
        region.Tell(7, new Letter(2));
        _simulated.Scheduler.RunUntilIdle();
        Assert.Equal(["7 started", "7 got 1", "7 stopping", "7 started", "7 got 2"], _events);
    }

    [Fact]
    public void An_entity_with_work_or_without_consent_stays()
    {
        var region = Region(new ActorOptions { IdleTimeout = TimeSpan.FromSeconds(8) });
        for (var i = 0; i < 10; i++)
        {
            region.Tell(1, new Letter(i));
            _simulated.Scheduler.Advance(TimeSpan.FromSeconds(7));
        }

        _agrees = false;
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(1, region.Count);
        Assert.DoesNotContain("1 stopping", _events);
        _agrees = true;
        _simulated.Scheduler.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(0, region.Count);
    }

    [Fact]
    public void A_message_that_comes_while_the_entity_stops_finds_a_new_instance()
    {
        ShardRegion<int, Letter>? region = null;
        var told = false;
        _onReceive = (self, _) => self.Here.Passivate();
        region = new ShardRegion<int, Letter>(
            _simulated.System,
            "probes",
            key => new Probe((self, letter) =>
            {
                _events.Add($"got {letter.Number}");
                self.Here.Passivate();
            })
            {
                OnStarted = _ => _events.Add("started"),
                OnStopping = () =>
                {
                    _events.Add("stopping");
                    if (!told)
                    {
                        told = true;
                        Assert.True(region!.Tell(key, new Letter(2)));
                    }
                },
            },
            new ActorOptions());
        region.Tell(1, new Letter(1));
        _simulated.Scheduler.RunUntilIdle();
        Assert.Equal(["started", "got 1", "stopping", "started", "got 2", "stopping"], _events);
        Assert.Equal(0, region.Count);
    }

    [Fact]
    public void At_its_bound_a_region_passivates_the_longest_idle()
    {
        var region = Region(new ActorOptions { EntitiesMax = 3, IdleTimeout = TimeSpan.FromSeconds(80) });
        foreach (var key in (int[])[1, 2, 3, 1])
        {
            Assert.True(region.Tell(key, new Letter(key)));
            _simulated.Scheduler.Advance(TimeSpan.FromSeconds(11));
        }

        _events.Clear();
        Assert.True(region.Tell(4, new Letter(4)));
        _simulated.Scheduler.RunUntilIdle();
        Assert.Equal(["2 stopping", "4 started", "4 got 4"], _events);
        Assert.Equal(3, region.Count);
    }

    [Fact]
    public void At_its_bound_a_region_without_idle_entities_refuses_new_ones()
    {
        var region = Region(new ActorOptions { EntitiesMax = 2 });
        region.Tell(1, new Letter(1));
        region.Tell(2, new Letter(2));
        var refused = new Letter(3);
        Assert.False(region.Tell(3, refused));
        Assert.Equal((1, AskFailure.MailboxFull), (refused.UndeliveredCount, refused.Why!.Value));
        _agrees = false;
        _simulated.Scheduler.RunUntilIdle();
        Assert.False(region.Tell(3, new Letter(3)));
        _simulated.Scheduler.RunUntilIdle();
        _agrees = true;
        Assert.True(region.Tell(3, new Letter(3)));
        Assert.Equal(2, region.Count);
    }

    [Fact]
    public void An_ask_reaches_the_entity_of_its_key()
    {
        _onReceive = (_, letter) => letter.Reply.Reply(letter.Number + 1);
        var region = Region(new ActorOptions());
        var answer = _simulated.Scheduler.Run(async () => await region.Ask<int, int>(
            5, static (reply, number) => new Letter(number, reply), 41, TimeSpan.FromSeconds(1)));
        Assert.Equal(42, answer);
    }

    [Fact]
    public void Dispose_stops_every_entity_and_refuses_what_comes_after()
    {
        var region = Region(new ActorOptions());
        for (var key = 0; key < 20; key++)
        {
            region.Tell(key, new Letter(key));
        }

        _simulated.Dispose();
        Assert.Equal(20, _events.Count(e => e.Contains("got", StringComparison.Ordinal)));
        Assert.Equal(20, _events.Count(e => e.EndsWith("stopping", StringComparison.Ordinal)));
        Assert.Equal(0, region.Count);
        var late = new Letter(1);
        Assert.False(region.Tell(1, late));
        Assert.Equal((1, AskFailure.Stopped), (late.UndeliveredCount, late.Why!.Value));
    }

    private ShardRegion<int, Letter> Region(ActorOptions options) => new(
        _simulated.System,
        "probes",
        key => new Probe((self, letter) =>
        {
            _events.Add($"{key} got {letter.Number}");
            _onReceive(self, letter);
        })
        {
            OnStarted = _ => _events.Add($"{key} started"),
            OnStopping = () => _events.Add($"{key} stopping"),
            AgreesToPassivate = () => _agrees,
        },
        options);
}
