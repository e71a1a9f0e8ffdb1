using MailCluster.Shared.Limits;

namespace MailCluster.Actors.Limits;

/// <summary>What one home counts for one binding.</summary>
internal sealed class BindingCounts(string binding)
{
    private SlidingWindow _window;

    public string Binding { get; } = binding;

    public bool TryTake(uint second, int perMinute) => _window.TryTake(second, perMinute);

    public bool HasMessagesAt(uint second) => !_window.IsEmptyAt(second);
}
