using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace MailCluster.LoadTest.Loops;

/// <summary>Anything with a descriptor.</summary>
internal interface IPollable
{
    /// <param name="events">EPOLLIN and so on; it may be meant for a closed descriptor of the same number.</param>
    void OnEvents(uint events);
}

/// <summary>
/// One thread, one epoll, one timer wheel: all clients of a run live here and need no lock. Methods of clients are
/// ordinary async methods that wait for <see cref="Signal"/>s.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private const int EventsMax = 1024;
    private const int PooledBuffersMax = 1024;

    /// <summary>Octets of a buffer for what was received or is to be sent.</summary>
    public const int BufferSize = 16 * 1024;

    /// <summary>struct epoll_event is packed on x86-64 only.</summary>
    private static readonly int EventSize =
        RuntimeInformation.ProcessArchitecture is Architecture.X64 or Architecture.X86 ? 12 : 16;

    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly double _nanoseconds;
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly byte[] _events = new byte[EventsMax * EventSize];
    private readonly byte[] _change = new byte[EventSize];
    private readonly Stack<byte[]> _buffers = new();
    private readonly int _epoll;
    private readonly int _wake;
    private IPollable?[] _pollables = new IPollable?[1024];
    private volatile bool _stopped;
    private bool _hasNanoseconds = true;

    public EventLoop(TimeProvider time)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new LoadFaultException("Simulated clients need epoll: run \"mailcluster load\" on Linux.");
        }

        _time = time;
        _origin = time.GetTimestamp();
        _nanoseconds = 1e9 / time.TimestampFrequency;
        _epoll = Checked(Libc.EpollCreate(Libc.ClosesOnExec), "epoll_create1");
        _wake = Checked(Libc.EventDescriptor(0, Libc.ClosesOnExec | Libc.NonBlocking), "eventfd");
        Register(_wake, Libc.EventIn);
    }

    /// <summary>Nanoseconds since the loop was made; read at the beginning of a turn and when asked anew.</summary>
    public long Now { get; private set; }

    public TimerWheel Wheel { get; } = new();

    /// <summary>Called at the end of each turn, when everything that was ready has been looked at.</summary>
    public Action? TurnEnded { get; set; }

    public long ReadClock() => Now = (long)((_time.GetTimestamp() - _origin) * _nanoseconds);

    /// <summary>From any thread.</summary>
    public void Post(Action action)
    {
        _posted.Enqueue(action);
        Wake();
    }

    /// <summary>From any thread; the loop ends after its turn.</summary>
    public void Stop()
    {
        _stopped = true;
        Wake();
    }

    /// <summary>Runs the loop on a thread of its own; the task ends with it, failed by what a turn threw.</summary>
    public Task Start(string name)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                Run();
                ended.SetResult();
            }
            catch (Exception fault)
            {
                // The thread's only frame: what a turn threw is the run's failure, not the process's.
                ended.SetException(fault);
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.Start();
        return ended.Task;
    }

    /// <summary>After its end; what is open is closed.</summary>
    public void Dispose()
    {
        for (var descriptor = 0; descriptor < _pollables.Length; descriptor++)
        {
            if (_pollables[descriptor] is not null)
            {
                Close(descriptor);
            }
        }

        _ = Libc.Close(_epoll);
        _ = Libc.Close(_wake);
    }

    internal void Add(int descriptor, IPollable pollable, uint events)
    {
        if (descriptor >= _pollables.Length)
        {
            Array.Resize(ref _pollables, Math.Max(descriptor + 1, _pollables.Length * 2));
        }

        _pollables[descriptor] = pollable;
        Register(descriptor, events);
    }

    internal void Close(int descriptor)
    {
        _pollables[descriptor] = null;
        _ = Libc.Close(descriptor);
    }

    internal byte[] RentBuffer() => _buffers.TryPop(out var buffer) ? buffer : new byte[BufferSize];

    internal void ReturnBuffer(byte[] buffer)
    {
        if (buffer.Length == BufferSize && _buffers.Count < PooledBuffersMax)
        {
            _buffers.Push(buffer);
        }
    }

    internal static int Checked(int result, string call) => result >= 0
        ? result
        : throw new LoadFaultException(
            $"{call}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    private void Run()
    {
        ReadClock();
        while (!_stopped)
        {
            var count = Wait();
            for (var index = 0; index < count; index++)
            {
                var entry = _events.AsSpan(index * EventSize, EventSize);
                var descriptor = MemoryMarshal.Read<int>(entry[(EventSize - 8)..]);
                if (descriptor == _wake)
                {
                    ulong value = 0;
                    _ = Libc.Read(_wake, ref value, sizeof(ulong));
                }
                else
                {
                    _pollables[descriptor]?.OnEvents(MemoryMarshal.Read<uint>(entry));
                }
            }

            while (_posted.TryDequeue(out var action))
            {
                action();
            }

            Wheel.Advance(ReadClock());
            TurnEnded?.Invoke();
        }
    }

    private int Wait()
    {
        var before = ReadClock();
        var wait = _posted.IsEmpty ? Math.Clamp(Wheel.NextTurn() - before, 0, 1_000_000_000) : 0;
        int count;
        if (_hasNanoseconds)
        {
            var time = new Libc.TimeSpec { Seconds = wait / 1_000_000_000, Nanoseconds = wait % 1_000_000_000 };
            try
            {
                count = Libc.EpollWait(_epoll, ref _events[0], EventsMax, ref time, 0);
            }
            catch (EntryPointNotFoundException)
            {
                _hasNanoseconds = false; // a C library from before 2.35: arrivals are exact to the millisecond
                count = 0;
            }
        }
        else
        {
            count = Libc.EpollWaitMilliseconds(_epoll, ref _events[0], EventsMax, (int)((wait + 999_999) / 1_000_000));
        }

        if (count < 0)
        {
            var error = Marshal.GetLastPInvokeError();
            count = 0;
            _hasNanoseconds &= error == Libc.Interrupted; // ENOSYS: a kernel from before 5.11
        }

        ReadClock();
        return count;
    }

    private void Register(int descriptor, uint events)
    {
        MemoryMarshal.Write(_change, events);
        MemoryMarshal.Write(_change.AsSpan(EventSize - 8), (long)descriptor);
        Checked(Libc.EpollControl(_epoll, Libc.EpollAdd, descriptor, ref _change[0]), "epoll_ctl");
    }

    private void Wake()
    {
        ulong one = 1;
        _ = Libc.Write(_wake, ref one, sizeof(ulong));
    }
}
