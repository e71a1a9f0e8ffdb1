using Microsoft.Extensions.Logging;

namespace MailCluster.Actors.Tests.Limits;

/// <summary>What was logged, and a call for each as it comes.</summary>
internal sealed class KeptLog : ILoggerFactory, ILogger
{
    public List<(int Id, LogLevel Level, string Text)> Lines { get; } = [];

    public Action<string> OnLine { get; set; } = _ => { };

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel > LogLevel.Debug;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        var text = formatter(state, exception);
        Lines.Add((eventId.Id, logLevel, text));
        OnLine(text);
    }

    public void Dispose()
    {
    }
}
