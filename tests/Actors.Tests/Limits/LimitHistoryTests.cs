using MailCluster.Actors.Limits;
using MailCluster.Shared;
using Xunit;
using static MailCluster.Actors.Tests.Limits.LimitsRun;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>
/// Random histories of connections and messages of three sources on two bindings, with homes that fail, back off and
/// passivate, against a model that counts (I6). A failing seed is in the message; MAILCLUSTER_SEED runs that one alone.
/// </summary>
[Trait("Requirement", "OXSMTP-EV-16")]
[Trait("Requirement", "OXSMTP-EV-08")]
public sealed class LimitHistoryTests
{
    private const int Seeds = 100;

    [Fact]
    public void Whatever_happens_no_source_exceeds_its_limits_and_no_permit_is_lost()
    {
        var alone = Environment.GetEnvironmentVariable("MAILCLUSTER_SEED");
        var (first, last) = alone is null ? (1, Seeds) : (int.Parse(alone, null), int.Parse(alone, null));
        var (restarts, passivations, unreachable) = (0L, 0L, 0);
        for (var seed = first; seed <= last; seed++)
        {
            try
            {
                using var history = new History(seed);
                history.Check();
                restarts += history.Restarts;
                passivations += history.Passivations;
                unreachable += history.Unreachable;
            }
            catch (Exception failure)
            {
                Assert.Fail($"MAILCLUSTER_SEED={seed}: {failure}");
            }
        }

        Assert.True(alone is not null || (restarts > Seeds && passivations > Seeds && unreachable > Seeds));
    }

    private sealed class History(int seed) : IDisposable
    {
        private const int Clients = 6;
        private const int Steps = 60;
        private const int Limit = 3;
        private const int PerMinute = 5;

        private static readonly SourceKey[] Sources = [Source, Other, Address("2001:db8::1")];

        private readonly Random _random = new(seed);
        private readonly LimitsRun _run = new(
            new SourceLimitOptions { AskDeadline = TimeSpan.FromMilliseconds(50) }, (ulong)seed);

        private readonly Dictionary<(SourceKey, string), Counts> _model = [];
        private long _connection;
        private int _restarts;

        public long Restarts => _run.Restarts;

        public long Passivations => _run.Passivations;

        public int Unreachable { get; private set; }

        private double Now => _run.Scheduler.Time.Now.TotalSeconds;

        public void Check()
        {
            _run.Log.OnLine = NoteRestart;
            _run.Scheduler.Run(() => Task.WhenAll(
                [.. Enumerable.Range(0, Clients).Select(_ => ClientAsync()), TroubleAsync()]));
            Assert.True(_restarts >= _run.Restarts, "A restart was not noticed.");
            _run.Time.Faults = 0;
            _run.Scheduler.Advance(TimeSpan.FromMinutes(3));
            Assert.Equal((0, 0), (_run.Permits, _run.Homes));
            foreach (var (source, binding) in _model.Keys)
            {
                for (var i = 0; i < Limit; i++)
                {
                    var verdict = _run.Admit(++_connection, Limit, source, binding);
                    Assert.True(verdict is Admission.Admitted or Admission.AdmittedOwing, $"{verdict} at the end");
                }

                Assert.Equal(Admission.TooMany, _run.Admit(++_connection, Limit, source, binding));
            }
        }

        public void Dispose() => _run.Dispose();

        private async Task ClientAsync()
        {
            for (var step = 0; step < Steps; step++)
            {
                await WaitAsync(_random.Next(10) == 0 ? 200 : 0.05);
                var source = Sources[_random.Next(Sources.Length)];
                var binding = _random.Next(3) == 0 ? Submission : Gateway;
                var counts = CountsOf(source, binding);
                if (_random.Next(2) == 0)
                {
                    await TakeAsync(source, binding, counts);
                    continue;
                }

                var connection = ++_connection;
                if (await AdmitAsync(source, binding, counts, connection))
                {
                    await WaitAsync(_random.Next(10) == 0 ? 300 : 0.2);
                    counts.Held--;
                    counts.ReleasedAt = Now;
                    _run.Limits.Release(binding, source, connection);
                }
            }
        }

        private async Task<bool> AdmitAsync(SourceKey source, string binding, Counts counts, long connection)
        {
            var asked = Now;
            counts.Asking++;
            var verdict = await _run.Limits.AdmitAsync(binding, source, connection, Limit);
            counts.Asking--;
            switch (verdict)
            {
                case Admission.Admitted or Admission.AdmittedOwing:
                    counts.Held++;
                    Assert.True(counts.Held <= Limit, $"I6: {counts.Held} permits of {Limit}");
                    return true;
                case Admission.TooMany:
                    Assert.True(
                        counts.Held + counts.Asking >= Limit || counts.ReleasedAt >= asked - 1,
                        $"refused with {counts.Held} permits of {Limit}");
                    return false;
                default:
                    // The late grant counts until its release is handled, which back-off puts off for 10 s at most.
                    Unreachable++;
                    counts.ReleasedAt = Now + 10;
                    return false;
            }
        }

        private async Task TakeAsync(SourceKey source, string binding, Counts counts)
        {
            var verdict = await _run.Limits.TakeMessageAsync(binding, RateKey.Of(source), PerMinute);
            switch (verdict)
            {
                case RateVerdict.Taken:
                    var inWindow = counts.Taken.Count(at => Now - at < 60 && at > counts.RestartedAt) + 1;
                    Assert.True(inWindow <= PerMinute, $"{inWindow} messages of {PerMinute} at {Now}");
                    counts.Taken.Add(Now);
                    counts.MayHaveTaken.Add(Now);
                    break;
                case RateVerdict.Exceeded:
                    Assert.True(
                        counts.MayHaveTaken.Count(at => Now - at < 71) >= PerMinute, $"exceeded too early at {Now}");
                    break;
                default:
                    // If only the answer was late, it is counted when the home is back.
                    Unreachable++;
                    counts.MayHaveTaken.Add(Now);
                    break;
            }
        }

        /// <summary>
        /// Windows are lost with their instance. What is answered in the same instant may be from before it.
        /// </summary>
        private void NoteRestart(string line)
        {
            foreach (var ((source, _), counts) in _model)
            {
                var home = $"limits/{(source.IsIPv6 ? "IPv6" : "IPv4")} {source.Value:x} failed";
                if (line.Contains(home, StringComparison.Ordinal))
                {
                    counts.RestartedAt = Now;
                    _restarts++;
                }
            }
        }

        private async Task TroubleAsync()
        {
            for (var step = 0; step < Steps; step++)
            {
                await WaitAsync(_random.Next(4) == 0 ? 60 : 0.1);
                _run.Time.Faults = 1;
                if (_random.Next(2) == 0)
                {
                    _run.Limits.OweTarpit(Sources[_random.Next(Sources.Length)]);
                }
            }
        }

        private Task WaitAsync(double seconds) =>
            Task.Delay(TimeSpan.FromSeconds(seconds * _random.NextDouble()), _run.Scheduler.Time);

        private Counts CountsOf(SourceKey source, string binding)
        {
            if (!_model.TryGetValue((source, binding), out var counts))
            {
                _model[(source, binding)] = counts = new Counts();
            }

            return counts;
        }

        private sealed class Counts
        {
            public int Held { get; set; }

            public int Asking { get; set; }

            public double RestartedAt { get; set; } = -100;

            public double ReleasedAt { get; set; } = -100;

            public List<double> Taken { get; } = [];

            public List<double> MayHaveTaken { get; } = [];
        }
    }
}
