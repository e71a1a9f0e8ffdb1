using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace MailCluster.Storage.History;

/// <summary>
/// A node's memory of its store, in its data directory. Written whole beside and renamed, not synced: what is
/// remembered is durable in the store already, and a memory that is a moment old or gone refuses nothing.
/// </summary>
internal sealed class PositionFile(string directory, ILogger log)
{
    private const string Name = "store.position";

    private bool _isFailing;

    public string Directory => directory;

    private string Path => System.IO.Path.Combine(directory, Name);

    /// <summary>Null: nothing is remembered, or nothing that can be read.</summary>
    public StorePosition? Read()
    {
        try
        {
            return File.Exists(Path)
                ? JsonSerializer.Deserialize<StorePosition>(File.ReadAllText(Path))
                : null;
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException)
        {
            HistoryLog.Unreadable(log, Path, fault.Message);
            return null;
        }
    }

    /// <summary>A disk that does not take it keeps what it has: mail does not wait for it.</summary>
    /// <returns>False: it was not written.</returns>
    public bool Write(StorePosition position)
    {
        try
        {
            var beside = $"{Path}.new";
            _ = System.IO.Directory.CreateDirectory(directory);
            File.WriteAllText(beside, JsonSerializer.Serialize(position) + "\n");
            File.Move(beside, Path, overwrite: true);
            _isFailing = false;
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            if (!_isFailing)
            {
                _isFailing = true;
                HistoryLog.NotWritten(log, Path, fault.Message);
            }

            return false;
        }
    }
}
