namespace MailCluster.Actors.Limits;

/// <summary>
/// How many of something there are of each binding: mostly of one. A mutable value: keep it in a field.
/// </summary>
internal struct BindingTally
{
    private (string Binding, int Count)[]? _counts;

    public readonly int Of(string binding)
    {
        foreach (var (known, count) in _counts ?? [])
        {
            if (known == binding)
            {
                return count;
            }
        }

        return 0;
    }

    public void Add(string binding, int change)
    {
        for (var i = 0; i < _counts?.Length; i++)
        {
            if (_counts[i].Binding == binding)
            {
                _counts[i].Count += change;
                return;
            }
        }

        _counts = [.. _counts ?? [], (binding, change)];
    }
}
