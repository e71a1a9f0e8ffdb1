using System.Net;

namespace MailCluster.LoadTest.Reporting;

internal static class Html
{
    /// <summary>As text of an element or a quoted attribute.</summary>
    public static string Text(string text) => WebUtility.HtmlEncode(text);
}
