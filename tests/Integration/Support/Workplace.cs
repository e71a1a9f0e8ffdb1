namespace MailCluster.Integration.Support;

/// <summary>A folder of a test's own, gone with the test.</summary>
internal sealed class Workplace : IDisposable
{
    public Workplace()
    {
        Folder = Directory.CreateTempSubdirectory("mailcluster-").FullName;
    }

    public string Folder { get; }

    public string DataDirectory => Path.Combine(Folder, "data");

    public string File(string name) => Path.Combine(Folder, name);

    public string Write(string name, string text)
    {
        string path = File(name);
        System.IO.File.WriteAllText(path, text);
        return path;
    }

    public void Dispose()
    {
        try
        {
            Directory.Delete(Folder, recursive: true);
        }
        catch (IOException)
        {
            // A file that a dying process still holds open; the system's temporary folder is cleaned by others.
        }
    }
}
