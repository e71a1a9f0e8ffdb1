namespace MailCluster.LoadTest.Scenarios;

/// <summary>
/// The times at which clients of one kind want to begin, drawn without a look at what became of those before: that is
/// what makes the load open.
/// </summary>
internal sealed class ArrivalProcess
{
    private readonly ArrivalPlan _plan;
    private readonly Random _random;
    private readonly double[] _ends;
    private int _step;
    private double _time;
    private int _left;

    /// <param name="duration">Of the run: the steps are stretched to it.</param>
    public ArrivalProcess(ArrivalPlan plan, TimeSpan duration, Random random)
    {
        _plan = plan;
        _random = random;
        _ends = new double[plan.Steps.Length];
        var scale = duration / plan.Steps.Aggregate(TimeSpan.Zero, (sum, step) => sum + step.For);
        var before = 0.0;
        for (var index = 0; index < _ends.Length; index++)
        {
            before += plan.Steps[index].For.TotalSeconds * scale;
            _ends[index] = before;
        }
    }

    /// <param name="nanoseconds">Since the run's beginning; never falls.</param>
    public bool TryNext(out long nanoseconds)
    {
        if (_left == 0)
        {
            _left = _plan.Burst;
            // In units of "one burst is due": what is left of it after a step goes on at the rate of the next.
            var need = _plan.Kind == ArrivalKind.Even ? 1.0 : -Math.Log(1 - _random.NextDouble());
            while (_step < _ends.Length)
            {
                var rate = _plan.Steps[_step].Rate / _plan.Burst;
                var room = (_ends[_step] - _time) * rate;
                if (need < room)
                {
                    _time += need / rate;
                    break;
                }

                need -= room;
                _time = _ends[_step++];
            }
        }

        _left--;
        nanoseconds = (long)(_time * 1e9);
        return _step < _ends.Length;
    }
}
