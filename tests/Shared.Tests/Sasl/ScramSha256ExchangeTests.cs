using System.Text;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Shared.Tests.Sasl;

public sealed class ScramSha256ExchangeTests
{
    private const string ClientNonce = "rOprNGfwEbeRWgbNEkqO";
    private const string ServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    private const string Nonce = ClientNonce + ServerNonce;
    private const string Salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
    private const string ClientFirst = "n,,n=user,r=" + ClientNonce;
    private const string ServerFirst = "r=" + Nonce + ",s=" + Salt + ",i=4096";
    private const string ClientFinal = "c=biws,r=" + Nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

    private static readonly ScramKeys Keys = ScramSha256.Derive("pencil", Convert.FromBase64String(Salt), 4096);

    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "user@example.test");

    /// <summary>RFC 7677 §3, octet for octet.</summary>
    [Fact]
    public void Exchange_of_RFC_7677_section_3_succeeds()
    {
        var exchange = New();

        Assert.Equal(new SaslStep.FindKeys("user"), exchange.Begin(Octets(ClientFirst)));
        Assert.Equal(ServerFirst, Text(exchange.Answer(new SaslAnswer.Keys(Keys, Identity))));
        Assert.Equal(
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Text(exchange.Respond(Octets(ClientFinal))));
        Assert.Equal(new SaslStep.Succeeded(Identity), exchange.Respond(ReadOnlyMemory<byte>.Empty));
    }

    [Fact]
    public void Without_initial_response_the_client_is_asked_to_begin()
    {
        var exchange = New();

        Assert.Equal(string.Empty, Text(exchange.Begin(null)));
        Assert.Equal(new SaslStep.FindKeys("user"), exchange.Respond(Octets(ClientFirst)));
    }

    [Fact]
    public void Decoy_keys_run_to_the_end_and_fail_there_even_with_the_right_proof()
    {
        var exchange = New();
        exchange.Begin(Octets(ClientFirst));

        Assert.Equal(ServerFirst, Text(exchange.Answer(new SaslAnswer.Keys(Keys, null))));
        Assert.Equal(
            new SaslStep.Failed(SaslFailure.BadCredentials), exchange.Respond(Octets(ClientFinal)));
    }

    [Fact]
    public void Wrong_proof_is_bad_credentials()
    {
        Assert.Equal(
            new SaslStep.Failed(SaslFailure.BadCredentials),
            Final(ClientFinal.Replace("dHzb", "eHzb", StringComparison.Ordinal)));
    }

    [Fact]
    public void Store_that_is_away_is_a_temporary_failure()
    {
        var exchange = New();
        exchange.Begin(Octets(ClientFirst));

        Assert.Equal(new SaslStep.Failed(SaslFailure.Temporary), exchange.Answer(new SaslAnswer.Unavailable()));
    }

    [Fact]
    public void Anything_but_an_empty_response_to_the_server_signature_is_malformed()
    {
        var exchange = New();
        exchange.Begin(Octets(ClientFirst));
        exchange.Answer(new SaslAnswer.Keys(Keys, Identity));
        exchange.Respond(Octets(ClientFinal));

        Assert.Equal(new SaslStep.Failed(SaslFailure.Malformed), exchange.Respond(Octets("x")));
    }

    [Theory]
    [InlineData("n,,n=us=2Cer=3D,r=abc", "us,er=")]
    [InlineData("y,,n=user,r=abc", "user")]
    [InlineData("n,a=boss,n=user,r=abc", "user")]
    [InlineData("n,,n=user,r=abc,x=1,Y=2", "user")]
    [InlineData("n,,n=üser,r=abc", "üser")]
    public void First_message_is_understood(string message, string user)
    {
        Assert.Equal(new SaslStep.FindKeys(user), New().Begin(Octets(message)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("n")]
    [InlineData("n,,")]
    [InlineData("n,,n=user")]
    [InlineData("n,,n=user,r=")]
    [InlineData("n,,n=,r=abc")]
    [InlineData("n,,n=us=2cer,r=abc")]
    [InlineData("n,,n=us=er,r=abc")]
    [InlineData("n,,n=user=,r=abc")]
    [InlineData("n,,n=us\0er,r=abc")]
    [InlineData("n,,r=abc,n=user")]
    [InlineData("n,,m=ext,n=user,r=abc")]
    [InlineData("n,b=boss,n=user,r=abc")]
    [InlineData("n,a=,n=user,r=abc")]
    [InlineData("n,,n=user,r=a c")]
    [InlineData("n,,n=user,r=abc,")]
    [InlineData("n,,n=user,r=abc,xx")]
    [InlineData("p=tls-unique,,n=user,r=abc")]
    [InlineData("p=tls-exporter,a=user,n=user,r=abc")]
    [InlineData("N,,n=user,r=abc")]
    public void First_message_is_malformed(string message)
    {
        Assert.Equal(new SaslStep.Failed(SaslFailure.Malformed), New().Begin(Octets(message)));
    }

    [Fact]
    public void Nonce_of_the_client_is_bounded()
    {
        Assert.IsType<SaslStep.FindKeys>(New().Begin(Octets("n,,n=user,r=" + new string('a', 256))));
        Assert.IsType<SaslStep.Failed>(New().Begin(Octets("n,,n=user,r=" + new string('a', 257))));
    }

    /// <summary>RFC 5802 §6: the list of mechanisms was tampered with.</summary>
    [Fact]
    public void Y_is_refused_where_channel_binding_is_offered()
    {
        var exchange = New(offersChannelBinding: true);

        Assert.Equal(
            new SaslStep.Failed(SaslFailure.Malformed), exchange.Begin(Octets("y,,n=user,r=abc")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("c=biws,r=" + Nonce)]
    [InlineData("c=biws,r=" + Nonce + ",p=")]
    [InlineData("c=biws,r=" + ClientNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=eSws,r=" + Nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("r=" + Nonce + ",c=biws,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biw,r=" + Nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")]
    [InlineData("c=biws,r=" + Nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ")]
    [InlineData("c=biws,r=" + Nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=,x=1")]
    public void Final_message_is_malformed_or_does_not_fit(string message)
    {
        var step = Assert.IsType<SaslStep.Failed>(Final(message));

        Assert.NotEqual(SaslFailure.Temporary, step.Why);
    }

    [Theory]
    [InlineData("n,a=user,", "n=user", true)]
    [InlineData("n,a=user@example.test,", "n=user", true)]
    [InlineData("n,a=boss,", "n=user", false)]
    public void Nobody_acts_for_another(string gs2Header, string name, bool isAllowed)
    {
        var bare = $"{name},r={ClientNonce}";
        var exchange = New();
        exchange.Begin(Octets(gs2Header + bare));
        exchange.Answer(new SaslAnswer.Keys(Keys, Identity));
        var withoutProof = $"c={Convert.ToBase64String(Encoding.ASCII.GetBytes(gs2Header))},r={Nonce}";
        var proof = ScramSha256.ClientProof(
            "pencil", Convert.FromBase64String(Salt), 4096,
            Encoding.ASCII.GetBytes($"{bare},{ServerFirst},{withoutProof}"));

        var step = exchange.Respond(Octets($"{withoutProof},p={Convert.ToBase64String(proof)}"));

        Assert.Equal(isAllowed, step is SaslStep.Challenge);
    }

    private static SaslStep Final(string message)
    {
        var exchange = New();
        exchange.Begin(Octets(ClientFirst));
        exchange.Answer(new SaslAnswer.Keys(Keys, Identity));
        return exchange.Respond(Octets(message));
    }

    private static ISaslExchange New(bool offersChannelBinding = false)
    {
        Assert.True(SaslMechanisms.TryCreate(
            "scram-sha-256", new SaslContext(ServerNonce, offersChannelBinding), out var exchange));
        return exchange;
    }

    private static byte[] Octets(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(SaslStep step) =>
        Encoding.UTF8.GetString(Assert.IsType<SaslStep.Challenge>(step).Octets.Span);
}
