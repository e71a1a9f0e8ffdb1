using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using MailCluster.Frontend.Options;

namespace MailCluster.Frontend.Observability;

/// <summary>One line per entry, as text or as a JSON object with the entry's fields under their own names.</summary>
internal sealed class LineLogger(string category, LogFormat format, LogQueue queue, TimeProvider time) : ILogger
{
    private const int NamesMax = 1000;

    private static readonly ConcurrentDictionary<string, JsonEncodedText> Names = new();

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _json;

    [ThreadStatic]
    private static StringBuilder? _text;

    private readonly string _area = category[(category.LastIndexOf('.') + 1)..];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?,
        string> formatter)
    {
        var text = formatter(state, exception);
        if (format == LogFormat.Json)
        {
            AddJson(logLevel, eventId, state as IReadOnlyList<KeyValuePair<string, object?>>, exception, text);
        }
        else
        {
            AddText(logLevel, eventId, exception, text);
        }
    }

    private void AddText(LogLevel level, EventId id, Exception? exception, string text)
    {
        var line = _text ??= new StringBuilder(512);
        line.Clear();
        line.Append(CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {Word(level)} {_area}[{id.Id}] ");
        AppendOneLine(line, text);
        if (exception is not null)
        {
            AppendOneLine(line.Append(" | "), exception.ToString());
        }

        queue.Add(level, line.Append('\n'));
    }

    private void AddJson(
        LogLevel level, EventId id, IReadOnlyList<KeyValuePair<string, object?>>? fields, Exception? exception,
        string text)
    {
        var buffer = _json ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time"u8, time.GetUtcNow());
            json.WriteString("level"u8, Word(level));
            json.WriteString("area"u8, _area);
            json.WriteNumber("event"u8, id.Id);
            json.WriteString("message"u8, text);
            for (var index = 0; index < (fields?.Count ?? 0); index++)
            {
                var (key, value) = fields![index];
                if (key != "{OriginalFormat}")
                {
                    WriteField(json, NameOf(key), value);
                }
            }

            if (exception is not null)
            {
                json.WriteString("exception"u8, exception.ToString());
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        queue.Add(level, buffer.WrittenSpan);
    }

    /// <summary>The names of fields are those of the messages in the code: few, and the same again and again.</summary>
    private static JsonEncodedText NameOf(string key)
    {
        if (Names.TryGetValue(key, out var name))
        {
            return name;
        }

        name = JsonEncodedText.Encode(JsonNamingPolicy.CamelCase.ConvertName(key));
        if (Names.Count < NamesMax)
        {
            Names[key] = name;
        }

        return name;
    }

    private static void WriteField(Utf8JsonWriter json, JsonEncodedText key, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNull(key);
                break;
            case int number:
                json.WriteNumber(key, number);
                break;
            case long number:
                json.WriteNumber(key, number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber(key, number);
                break;
            case bool flag:
                json.WriteBoolean(key, flag);
                break;
            default:
                json.WriteString(key, Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    /// <summary>What a client sent cannot begin a line of its own: control characters become spaces.</summary>
    private static void AppendOneLine(StringBuilder line, string text)
    {
        var from = line.Length;
        line.Append(text);
        if (text.AsSpan().ContainsAnyInRange('\0', '\x1F'))
        {
            for (var index = from; index < line.Length; index++)
            {
                if (line[index] < ' ')
                {
                    line[index] = ' ';
                }
            }
        }
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "error",
        _ => "fatal",
    };
}
