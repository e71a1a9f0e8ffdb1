namespace MailCluster.Storage.Postgres;

/// <summary>
/// Rows of the spool: counted now and then, since every node writes there, and kept between two counts by what this
/// node commits.
/// </summary>
internal sealed class SpoolCount
{
    private const int DisturbedMax = 6;

    private readonly Lock _gate = new();
    private long _count;
    private long _begun;
    private int _underWay;
    private int _disturbed;

    public long Value => Math.Max(0, Volatile.Read(ref _count));

    /// <summary>Before a commit that changes it.</summary>
    public void Begin()
    {
        lock (_gate)
        {
            _begun++;
            _underWay++;
        }
    }

    /// <param name="by">0: the commit did not happen.</param>
    public void End(long by)
    {
        lock (_gate)
        {
            _count += by;
            _underWay--;
        }
    }

    /// <summary>Before a count, for <see cref="Counted"/>: null while a commit is under way.</summary>
    public long? Mark()
    {
        lock (_gate)
        {
            return _underWay == 0 ? _begun : null;
        }
    }

    /// <summary>
    /// A count that a commit of this node came between may have it or not: it is only taken when none is undisturbed
    /// for long.
    /// </summary>
    public void Counted(long count, long? mark)
    {
        lock (_gate)
        {
            if (_begun == mark || ++_disturbed == DisturbedMax)
            {
                _count = count;
                _disturbed = 0;
            }
        }
    }
}
