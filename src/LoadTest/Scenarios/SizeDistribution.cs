namespace MailCluster.LoadTest.Scenarios;

/// <summary>Draws sizes from a histogram: a bin by its weight, then evenly within it.</summary>
internal sealed class SizeDistribution
{
    private readonly SizeBin[] _bins;
    private readonly double[] _until;

    public SizeDistribution(SizePlan plan)
    {
        _bins = [.. plan.Bins];
        _until = new double[_bins.Length];
        var sum = _bins.Sum(bin => bin.Weight);
        var before = 0.0;
        for (var index = 0; index < _bins.Length; index++)
        {
            before += _bins[index].Weight / sum;
            _until[index] = before;
            Mean += _bins[index].Weight / sum * (LeastOf(index) + _bins[index].UpTo) / 2;
        }
    }

    /// <summary>Octets.</summary>
    public double Mean { get; }

    public int Draw(Random random)
    {
        var index = Array.BinarySearch(_until, random.NextDouble());
        index = Math.Min(index < 0 ? ~index : index + 1, _bins.Length - 1);
        return random.Next(LeastOf(index), _bins[index].UpTo + 1);
    }

    /// <summary>A plan of one bin means that size; otherwise a bin begins above the one before.</summary>
    private int LeastOf(int index) => _bins.Length == 1 ? _bins[0].UpTo : index == 0 ? 1 : _bins[index - 1].UpTo + 1;
}
