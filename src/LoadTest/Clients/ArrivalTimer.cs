using MailCluster.LoadTest.Loops;
using MailCluster.LoadTest.Measuring;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.LoadTest.Clients;

/// <summary>Begins the clients of one plan at the times that its process gives, however those before fare.</summary>
internal sealed class ArrivalTimer(
    EventLoop loop, ArrivalProcess process, IClients clients, OperationMeter meter, long origin) : WheelTimer
{
    private long _next;

    /// <summary>Nanoseconds that the latest arrival was begun behind its time.</summary>
    public long LagMax { get; private set; }

    public void Start()
    {
        if (process.TryNext(out _next))
        {
            loop.Wheel.Set(this, origin + _next);
        }
    }

    public long TakeLag()
    {
        var lag = LagMax;
        LagMax = 0;
        return lag;
    }

    public override void Fire()
    {
        var now = loop.Now - origin;
        while (_next <= now)
        {
            LagMax = Math.Max(LagMax, now - _next);
            meter.Arrive();
            clients.Arrive(origin + _next);
            if (!process.TryNext(out _next))
            {
                return;
            }
        }

        loop.Wheel.Set(this, origin + _next);
    }
}
