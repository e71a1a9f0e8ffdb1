using MailCluster.Shared.Limits;
using Xunit;

namespace MailCluster.Shared.Tests.Limits;

public sealed class ExpiringMapTests
{
    [Fact]
    public void An_entry_is_there_for_its_lifetime_and_not_longer()
    {
        var map = Map(10, 100);
        map.Set(1, 11, now: 0);
        Assert.True(map.TryGet(1, 99, out var value));
        Assert.Equal(11, value);
        Assert.False(map.TryGet(1, 100, out _));
        Assert.False(map.Remove(1, 100));
        map.Set(1, 12, now: 50);
        map.Set(1, 13, now: 90);
        Assert.True(map.TryGet(1, 189, out value));
        Assert.Equal(13, value);
        Assert.True(map.Remove(1, 189));
        Assert.False(map.Remove(1, 189));
    }

    [Fact]
    public void At_its_bound_the_oldest_goes()
    {
        var map = Map(3, 100);
        map.Set(1, 0, now: 0);
        map.Set(2, 0, now: 1);
        map.Set(3, 0, now: 2);
        map.Set(1, 0, now: 3);
        map.Set(4, 0, now: 4);
        Assert.Equal([1, 3, 4], Enumerable.Range(1, 4).Where(key => map.TryGet(key, 4, out _)));
        Assert.Equal(3, map.Count);
    }

    [Fact]
    public void Expired_entries_are_cleared_away_a_few_at_a_time()
    {
        var map = Map(1000, 100);
        for (var key = 0; key < 100; key++)
        {
            map.Set(key, 0, now: key);
        }

        map.Set(1000, 0, now: 500);
        Assert.Equal(99, map.Count);
        Assert.True(map.Expire(500, 50));
        Assert.Equal(49, map.Count);
        Assert.False(map.Expire(500, 50));
        Assert.Equal(1, map.Count);
    }

    [Fact]
    public void It_agrees_with_a_list_for_every_history()
    {
        var seed = Seeds.Next();
        var random = new Random(seed);
        for (var run = 0; run < 200; run++)
        {
            var (most, lifetime, keys) = (random.Next(1, 60), random.Next(1, 100), random.Next(1, 120));
            var map = Map(most, lifetime);
            var model = new List<(int Key, int Value, long Since)>();
            var now = 0L;
            for (var step = 0; step < 1000; step++)
            {
                now += random.Next(3);
                var key = random.Next(keys);
                var known = model.FindIndex(entry => entry.Key == key && now - entry.Since < lifetime);
                switch (random.Next(4))
                {
                    case 0 or 1:
                        map.Set(key, step, now);
                        model.RemoveAll(entry => entry.Key == key);
                        model.Add((key, step, now));
                        model.RemoveRange(0, Math.Max(0, model.Count - most));
                        break;
                    case 2:
                        Assert.True(map.Remove(key, now) == known >= 0, $"MAILCLUSTER_SEED={seed}: {step}");
                        model.RemoveAll(entry => entry.Key == key);
                        break;
                    default:
                        Assert.True(
                            map.TryGet(key, now, out var value) == known >= 0
                                && (known < 0 || value == model[known].Value),
                            $"MAILCLUSTER_SEED={seed}: {step}");
                        break;
                }

                Assert.InRange(map.Count, 0, most);
            }

            while (map.Expire(now + lifetime, 7))
            {
            }

            Assert.Equal(0, map.Count);
        }
    }

    private static ExpiringMap<int, int> Map(int entriesMax, long lifetime) =>
        new(entriesMax, lifetime, EqualityComparer<int>.Default);
}
