using System.Net;

namespace MailCluster.Integration.Support;

/// <summary>curl as a client of one mechanism; it knows the server as the keytab does.</summary>
internal sealed class CurlLogin(
    Workplace workplace, Node node, string mechanism, string user, Dictionary<string, string>? environment = null)
{
    /// <summary>curl's exit code for a refused login.</summary>
    public const int LoginDenied = 67;

    public ToolResult Send(string from, string to, string subject)
    {
        string letter = workplace.Write(
            $"letter-{subject}", $"From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nhello\r\n");
        return Run(
            node.Endpoint("submission"), "smtp", "/client.example.test", "--mail-from", from, "--mail-rcpt", to,
            "--upload-file", letter);
    }

    public ToolResult Fetch(int number) => Run(node.Pop3, "pop3", $"/{number}");

    private ToolResult Run(IPEndPoint to, string scheme, string path, params string[] more) => Tool.Try(
        Kdc.With(environment ?? [], "curl",
        [
            "-sv", "--connect-to", $"::{to.Address}:", "--login-options", $"AUTH={mechanism}", "-u", user,
            "--url", $"{scheme}://{Kdc.ServerHost}:{to.Port}{path}", .. more,
        ]), null);
}
