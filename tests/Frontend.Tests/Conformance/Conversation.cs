using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace MailCluster.Frontend.Tests.Conformance;

/// <summary>The server's end of one connection. Octets are Latin-1 characters.</summary>
internal sealed class Conversation(Socket socket) : IDisposable
{
    private static readonly X509Certificate2 Certificate = MakeCertificate();

    private readonly byte[] _buffer = new byte[4096];
    private Stream _stream = new NetworkStream(socket, ownsSocket: true);
    private int _start;
    private int _end;

    public IPAddress Source { get; } = ((IPEndPoint)socket.RemoteEndPoint!).Address;

    public bool IsTls => _stream is SslStream;

    public async Task SayAsync(string text) => await _stream.WriteAsync(Encoding.Latin1.GetBytes(text + "\r\n"));

    /// <summary>Null at the end.</summary>
    public async Task<string?> HearAsync()
    {
        var line = new StringBuilder();
        while (await HearOctetAsync() is { } octet)
        {
            line.Append((char)octet);
            if (line is [.., '\r', '\n'])
            {
                return line.ToString(0, line.Length - 2);
            }
        }

        return null;
    }

    public async Task HearOctetsAsync(int count)
    {
        while (count-- > 0)
        {
            await HearOctetAsync();
        }
    }

    public async Task UpgradeAsync()
    {
        // What was read ahead stays behind, as it must.
        (_start, _end) = (0, 0);
        var tls = new SslStream(_stream);
        await tls.AuthenticateAsServerAsync(Certificate);
        _stream = tls;
    }

    public void Dispose() => _stream.Dispose();

    private async ValueTask<byte?> HearOctetAsync()
    {
        if (_start == _end)
        {
            (_start, _end) = (0, await _stream.ReadAsync(_buffer));
        }

        return _start < _end ? _buffer[_start++] : null;
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}
