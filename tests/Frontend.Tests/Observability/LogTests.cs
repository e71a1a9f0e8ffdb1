using System.Text;
using System.Text.Json;
using MailCluster.Frontend.Observability;
using MailCluster.Frontend.Options;
using Microsoft.Extensions.Logging;
using Xunit;

namespace MailCluster.Frontend.Tests.Observability;

public sealed class LogTests
{
    [Fact]
    public void A_json_line_has_every_field_under_its_name()
    {
        var line = Assert.Single(Written(LogFormat.Json, log => log.LogInformation(
            new EventId(1000), "{Protocol} ended: {EndReason}, {Seconds} s", "smtp", "Quit", 1.5)));

        using var json = JsonDocument.Parse(line);
        Assert.Equal("info", json.RootElement.GetProperty("level").GetString());
        Assert.Equal(1000, json.RootElement.GetProperty("event").GetInt32());
        Assert.Equal("smtp ended: Quit, 1.5 s", json.RootElement.GetProperty("message").GetString());
        Assert.Equal("Quit", json.RootElement.GetProperty("endReason").GetString());
        Assert.Equal(1.5, json.RootElement.GetProperty("seconds").GetDouble());
    }

    [Theory]
    [InlineData(LogFormat.Text)]
    [InlineData(LogFormat.Json)]
    public void What_a_client_sent_cannot_begin_a_line_of_its_own(LogFormat format) =>
        Assert.Single(Written(format, log => log.LogInformation("said {Text}", "HELO\r\n2026 error forged\u001b[2J")));

    [Fact]
    public void A_text_line_has_time_level_area_and_event()
    {
        var line = Assert.Single(Written(LogFormat.Text, log => log.LogWarning(new EventId(7), "Something")));

        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn Some\[7\] Something$", line);
    }

    [Fact]
    public void A_full_queue_drops_debug_first_and_says_how_much()
    {
        using var output = new HeldStream();
        var queue = new LogQueue(output, linesMax: 16);
        // The writer takes the first line with it and is held; what comes now waits.
        queue.Add(LogLevel.Information, "first\n"u8);
        output.WaitForWriter();
        for (var number = 0; number < 16; number++)
        {
            queue.Add(LogLevel.Debug, "debug\n"u8);
        }

        for (var number = 0; number < 16; number++)
        {
            queue.Add(LogLevel.Information, "info\n"u8);
        }

        for (var number = 0; number < 16; number++)
        {
            queue.Add(LogLevel.Error, "error\n"u8);
        }

        output.Release();
        queue.Dispose();

        var lines = output.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(8, lines.Count(line => line == "debug"));
        Assert.Equal(6, lines.Count(line => line == "info"));
        Assert.Equal(2, lines.Count(line => line == "error"));
        Assert.Contains("# 32 log lines were dropped: the output is slower than the log", lines);
    }

    private static string[] Written(LogFormat format, Action<ILogger> write)
    {
        using var output = new MemoryStream();
        using (var provider =
            new LineLoggerProvider(new LogOptions(LogLevel.Debug, format, 100), output, TimeProvider.System))
        {
            write(provider.CreateLogger("MailCluster.Some"));
        }

        return Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>An output whose reader has stopped reading.</summary>
    private sealed class HeldStream : MemoryStream
    {
        private readonly ManualResetEventSlim _entered = new();
        private readonly ManualResetEventSlim _released = new();

        public string Text => Encoding.UTF8.GetString(ToArray());

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _entered.Set();
            _released.Wait();
            base.Write(buffer);
        }

        public void WaitForWriter() => _entered.Wait();

        public void Release() => _released.Set();
    }
}
