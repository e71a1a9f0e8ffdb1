using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Observability;

internal sealed class LineLoggerProvider : ILoggerProvider
{
    private readonly LogQueue _queue;
    private readonly LogFormat _format;
    private readonly TimeProvider _time;

    public LineLoggerProvider(LogOptions options, Stream output, TimeProvider time)
    {
        _queue = new LogQueue(output, options.MaxQueuedLines);
        _format = options.Format != LogFormat.Auto ? options.Format : Console.IsOutputRedirected ? LogFormat.Json
            : LogFormat.Text;
        _time = time;
    }

    public ILogger CreateLogger(string categoryName) => new LineLogger(categoryName, _format, _queue, _time);

    public void Dispose() => _queue.Dispose();
}
