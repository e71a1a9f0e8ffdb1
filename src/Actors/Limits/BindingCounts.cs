using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>What one home counts for one binding.</summary>
internal sealed class BindingCounts(string binding)
{
    private HashSet<Permit>? _permits;
    private SlidingWindow _window;

    public string Binding { get; } = binding;

    public bool HasPermits => _permits is not null;

    public bool Holds(Permit permit) => _permits is not null && _permits.Contains(permit);

    public bool HasRoom(int limit) => (_permits?.Count ?? 0) < limit;

    public void Grant(Permit permit) => (_permits ??= []).Add(permit);

    public void GiveBack(Permit permit)
    {
        if (_permits is not null && _permits.Remove(permit) && _permits.Count == 0)
        {
            _permits = null;
        }
    }

    public bool TryTake(uint second, int perMinute) => _window.TryTake(second, perMinute);

    public bool HasMessagesAt(uint second) => !_window.IsEmptyAt(second);
}
