using System.Globalization;
using MailCluster.Actors.Kernel;
using Microsoft.Extensions.Logging;

namespace MailCluster.Simulation;

/// <summary>What a node's program logs, for who reads a trace.</summary>
internal sealed class TraceLog(SeededScheduler scheduler, string node, TextWriter to) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        var now = scheduler.Time.Now.TotalSeconds.ToString("000.000000", CultureInfo.InvariantCulture);
        to.WriteLine($"{now}     {node} {logLevel}: {formatter(state, exception)} {exception}");
    }

    public void Dispose()
    {
    }
}
