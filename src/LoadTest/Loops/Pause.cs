namespace MailCluster.LoadTest.Loops;

/// <summary>A wait of one asynchronous method of a loop.</summary>
internal sealed class Pause(EventLoop loop) : WheelTimer
{
    private readonly Signal _signal = new();

    /// <param name="nanoseconds">From now on.</param>
    public Signal For(long nanoseconds)
    {
        loop.Wheel.Set(this, loop.Now + nanoseconds);
        return _signal;
    }

    /// <summary>Ends the wait, if there is one.</summary>
    public void Cancel()
    {
        loop.Wheel.Clear(this);
        _signal.Give();
    }

    public override void Fire() => _signal.Give();
}
