namespace MailCluster.Integration.Support;

/// <summary>A file system of a given size, in memory. Needs root.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const int Block = 4096;

    public SmallDisk(Workplace workplace, string size)
    {
        Folder = Directory.CreateDirectory(workplace.File("disk")).FullName;
        Tool.Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", Folder);
    }

    public string Folder { get; }

    private string Ballast => Path.Combine(Folder, "ballast");

    /// <summary>Takes every block that is left.</summary>
    public void FillUp()
    {
        using FileStream ballast = new(Ballast, FileMode.Append);
        byte[] block = new byte[Block];
        try
        {
            while (true)
            {
                ballast.Write(block);
                ballast.Flush();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    public void Free() => File.Delete(Ballast);

    public void Dispose() => Tool.Try("umount", null, "-l", Folder);
}
