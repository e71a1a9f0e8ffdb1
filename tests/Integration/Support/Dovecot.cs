using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Xunit;

namespace MailCluster.Integration.Support;

/// <summary>A Dovecot of the test's own: one Maildir per user, any name, POP3 on a free port.</summary>
internal sealed partial class Dovecot : IDisposable
{
    public const string Password = "secret";

    private const int SignalTerminate = 15;

    private readonly Workplace _workplace;
    private readonly Process _process;

    public Dovecot(Workplace workplace, string uidlFormat = "")
    {
        Tool.RequireRoot();
        Tool.Require("dovecot");
        _workplace = workplace;
        Directory.CreateDirectory(workplace.File("dovecot-run"));
        Directory.CreateDirectory(workplace.File("mail"));

        // Dovecot reads mail as a user that is not root.
        Tool.Run("chmod", "755", workplace.Folder);
        Tool.Run("chown", "65534:65534", workplace.File("mail"));
        Pop3 = FreePort();
        string configuration = workplace.Write("dovecot.conf", $$"""
            base_dir = {{workplace.File("dovecot-run")}}
            state_dir = {{workplace.File("dovecot-run")}}
            instance_name = {{Path.GetFileName(workplace.Folder)}}
            protocols = pop3
            listen = 127.0.0.1
            log_path = {{workplace.File("dovecot.log")}}
            mail_location = maildir:{{workplace.File("mail")}}/%u
            mail_uid = 65534
            mail_gid = 65534
            first_valid_uid = 1
            first_valid_gid = 1
            disable_plaintext_auth = no
            ssl = no
            {{(uidlFormat.Length == 0 ? "" : $"pop3_uidl_format = {uidlFormat}")}}
            passdb {
              driver = static
              args = password={{Password}}
            }
            userdb {
              driver = static
              args = uid=65534 gid=65534 home={{workplace.File("mail")}}/%u
            }
            service pop3-login {
              inet_listener pop3 {
                port = {{Pop3.Port}}
              }
              inet_listener pop3s {
                port = 0
              }
            }
            """ + "\n");
        _process = Process.Start(new ProcessStartInfo("dovecot", ["-F", "-c", configuration]))!;
        Until.True(CanConnect, "Dovecot listens");
    }

    public IPEndPoint Pop3 { get; }

    public string Maildir(string user) => Path.Combine(_workplace.File("mail"), user);

    /// <summary>
    /// A file in the user's Maildir, as a delivery agent leaves it; the Maildir is made when it is not there.
    /// </summary>
    public void Deliver(string user, string folderAndFile, string text)
    {
        string maildir = Maildir(user);
        foreach (string folder in new[] { "cur", "new", "tmp" })
        {
            Directory.CreateDirectory(Path.Combine(maildir, folder));
        }

        File.WriteAllText(Path.Combine(maildir, folderAndFile), text);
        Tool.Run("chown", "-R", "65534:65534", maildir);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _ = Kill(_process.Id, SignalTerminate);
            Assert.True(_process.WaitForExit(TimeSpan.FromSeconds(20)), "Dovecot does not end.");
        }

        _process.Dispose();
    }

    private static IPEndPoint FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    private bool CanConnect()
    {
        Assert.False(_process.HasExited, $"Dovecot ended:\n{Log()}");
        try
        {
            using TcpClient client = new();
            client.Connect(Pop3);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private string Log() =>
        File.Exists(_workplace.File("dovecot.log")) ? File.ReadAllText(_workplace.File("dovecot.log")) : "";

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
