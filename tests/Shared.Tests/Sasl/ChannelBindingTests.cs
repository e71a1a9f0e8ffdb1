using System.Text;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Shared.Tests.Sasl;

/// <summary>SCRAM-SHA-256-PLUS: RFC 5802 §6.</summary>
public sealed class ChannelBindingTests
{
    private const string GsHeader = "p=tls-server-end-point,,";
    private const string Bare = "n=alice,r=clientnonce";
    private const string Nonce = "clientnonceservernonce";

    private static readonly SaslStep.Failed Malformed = new(SaslFailure.Malformed);
    private static readonly byte[] Salt = Encoding.ASCII.GetBytes("0123456789abcdef");
    private static readonly ScramKeys Keys = ScramSha256.Derive("secret", Salt, 4096);
    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "alice@example.test");
    private static readonly ChannelBinding Binding = new(ChannelBinding.ServerEndPoint, [1, 2, 3, 0, 255]);

    [Fact]
    public void The_same_octets_on_both_sides_log_in()
    {
        var exchange = AtKeys();

        Assert.IsType<SaslStep.Challenge>(exchange.Respond(Final([.. Binding.Octets])));
        Assert.Equal(new SaslStep.Succeeded(Identity), exchange.Respond(Array.Empty<byte>()));
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 1, 2, 3, 0, 254 })]
    [InlineData(new byte[] { 1, 2, 3, 0 })]
    [InlineData(new byte[] { 1, 2, 3, 0, 255, 0 })]
    public void Other_octets_are_refused_whatever_the_password(byte[] octets)
    {
        Assert.Equal(new SaslStep.Failed(SaslFailure.BadCredentials), AtKeys().Respond(Final(octets)));
    }

    [Theory]
    [InlineData("SCRAM-SHA-256-PLUS", "n,,")]
    [InlineData("SCRAM-SHA-256-PLUS", "y,,")]
    [InlineData("SCRAM-SHA-256-PLUS", "p=tls-unique,,")]
    [InlineData("SCRAM-SHA-256-PLUS", "p=TLS-SERVER-END-POINT,,")]
    [InlineData("SCRAM-SHA-256-PLUS", "p=,,")]
    [InlineData("SCRAM-SHA-256-PLUS", "p,,")]
    [InlineData("SCRAM-SHA-256", GsHeader)]
    [InlineData("SCRAM-SHA-256", "y,,")]
    public void A_flag_that_does_not_fit_the_name_or_the_offer_is_refused(string mechanism, string header)
    {
        Assert.Equal(Malformed, New(mechanism, Binding).Begin(Encoding.ASCII.GetBytes(header + Bare)));
    }

    [Fact]
    public void Without_a_binding_nobody_binds()
    {
        Assert.Equal(Malformed, New("SCRAM-SHA-256-PLUS", null).Begin(Encoding.ASCII.GetBytes(GsHeader + Bare)));
    }

    [Theory]
    [InlineData(SaslChannel.Clear, false, true, false)]
    [InlineData(SaslChannel.Tls, false, true, true)]
    [InlineData(SaslChannel.BoundTls, true, true, true)]
    public void What_is_offered_follows_from_the_channel(SaslChannel channel, bool plus, bool scram, bool plain)
    {
        Assert.Equal(plus, SaslMechanisms.Fits("SCRAM-SHA-256-PLUS", channel, passwordNeedsTls: true));
        Assert.Equal(scram, SaslMechanisms.Fits("SCRAM-SHA-256", channel, passwordNeedsTls: true));
        Assert.Equal(scram, SaslMechanisms.Fits("NTLM", channel, passwordNeedsTls: true));
        Assert.Equal(plain, SaslMechanisms.Fits("PLAIN", channel, passwordNeedsTls: true));
        Assert.True(SaslMechanisms.Fits("PLAIN", channel, passwordNeedsTls: false));
    }

    private static ISaslExchange New(string mechanism, ChannelBinding? binding)
    {
        var context = new SaslContext("servernonce", OffersChannelBinding: true) { Binding = binding };
        Assert.True(SaslMechanisms.TryCreate(mechanism, context, out var exchange));
        return exchange;
    }

    private static ISaslExchange AtKeys()
    {
        var exchange = New("scram-sha-256-plus", Binding);
        Assert.Equal(new SaslStep.FindKeys("alice"), exchange.Begin(Encoding.ASCII.GetBytes(GsHeader + Bare)));
        exchange.Answer(new SaslAnswer.Keys(Keys, Identity));
        return exchange;
    }

    private static byte[] Final(byte[] octets)
    {
        var channel = Convert.ToBase64String([.. Encoding.ASCII.GetBytes(GsHeader), .. octets]);
        var withoutProof = $"c={channel},r={Nonce}";
        var serverFirst = $"r={Nonce},s={Convert.ToBase64String(Salt)},i=4096";
        var proof = ScramSha256.ClientProof(
            "secret", Salt, 4096, Encoding.ASCII.GetBytes($"{Bare},{serverFirst},{withoutProof}"));
        return Encoding.ASCII.GetBytes($"{withoutProof},p={Convert.ToBase64String(proof)}");
    }
}
