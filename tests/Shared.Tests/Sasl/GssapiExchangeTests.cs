using System.Text;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Shared.Tests.Sasl;

/// <summary>RFC 4752 §3.1, §3.2.</summary>
public sealed class GssapiExchangeTests
{
    private static readonly SaslStep.Failed Malformed = new(SaslFailure.Malformed);
    private static readonly SaslStep.Failed BadCredentials = new(SaslFailure.BadCredentials);
    private static readonly SaslStep.Failed Temporary = new(SaslFailure.Temporary);
    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "alice@example.test");

    private static readonly byte[] Request =
        [0x60, 0x82, 0x01, 0x00, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02, 1, 0, 0x6E];

    private static readonly byte[] Reply = [0x60, 1, 2, 3];
    private static readonly byte[] Wrapped = [5, 4, 4, 0xFF];

    [Fact]
    [Trait("Requirement", "EX07-RFC-4120")]
    public void With_a_token_for_the_client_an_empty_response_comes_before_the_layers()
    {
        var exchange = New();

        Assert.True(Assert.IsType<SaslStep.Challenge>(exchange.Begin(null)).Octets.IsEmpty);
        Assert.Equal(new SaslStep.AcceptToken(SaslPackage.Kerberos, Request, IsFirst: true), exchange.Respond(Request));
        Assert.Equal(new SaslStep.Challenge(Reply), exchange.Answer(Established(Reply)));
        var wrap = Assert.IsType<SaslStep.Wrap>(exchange.Respond(Array.Empty<byte>()));
        Assert.Equal([1, 0, 0, 0], wrap.Octets.ToArray());
        Assert.Equal(new SaslStep.Challenge(Wrapped), exchange.Answer(new SaslAnswer.Octets(Wrapped)));
        Assert.Equal(new SaslStep.Unwrap(Wrapped), exchange.Respond(Wrapped));
        Assert.Equal(
            new SaslStep.FindAccount("alice@example.test"), exchange.Answer(new SaslAnswer.Octets(Choice(""))));
        Assert.Equal(new SaslStep.Succeeded(Identity), exchange.Answer(new SaslAnswer.Account(Identity)));
    }

    [Fact]
    public void Without_a_token_for_the_client_the_layers_come_at_once()
    {
        var exchange = New();
        exchange.Begin(Request);

        Assert.IsType<SaslStep.Wrap>(exchange.Answer(Established([])));
        Assert.Equal(new SaslStep.Challenge(Wrapped), exchange.Answer(new SaslAnswer.Octets(Wrapped)));
    }

    [Fact]
    public void A_context_may_want_more_than_one_token_and_not_without_end()
    {
        var exchange = New();
        exchange.Begin(Request);
        for (var token = 2; token <= 4; token++)
        {
            Assert.Equal(new SaslStep.Challenge(Reply), exchange.Answer(new SaslAnswer.ContextContinues(Reply)));
            Assert.Equal(
                new SaslStep.AcceptToken(SaslPackage.Kerberos, Reply, IsFirst: false), exchange.Respond(Reply));
        }

        exchange.Answer(new SaslAnswer.ContextContinues(Reply));
        Assert.Equal(Malformed, exchange.Respond(Reply));
    }

    [Fact]
    public void A_first_token_that_names_another_mechanism_is_malformed()
    {
        byte[] spnego = [0x60, 0x10, 0x06, 0x06, 0x2B, 6, 1, 5, 5, 2, 0xA0, 0, 0, 0, 0, 0, 0, 0];
        byte[] ntlm = [.. "NTLMSSP\0"u8, 1, 0, 0, 0, 0, 0, 0, 0];
        byte[][] tokens = [[], [0x60], [0x60, 0x7F], [0x60, 0x85], [0x60, 0xFF, 1], spnego, ntlm, Request[1..]];
        foreach (var token in tokens)
        {
            Assert.Equal(Malformed, New().Begin(token));
        }

        for (var length = 0; length < Request.Length - 3; length++)
        {
            Assert.Equal(Malformed, New().Begin(Request.AsMemory(0, length)));
        }
    }

    [Theory]
    [InlineData("alice@EXAMPLE.TEST", true)]
    [InlineData("alice@example.test", true)]
    [InlineData("ALICE", true)]
    [InlineData("bob", false)]
    [InlineData("bob@EXAMPLE.TEST", false)]
    [InlineData("alice@OTHER.TEST", false)]
    public void Nobody_acts_for_another(string authorizationIdentity, bool isAllowed)
    {
        var exchange = AtChoice();
        exchange.Answer(new SaslAnswer.Octets(Choice(authorizationIdentity)));

        var step = exchange.Answer(new SaslAnswer.Account(Identity));

        Assert.Equal(isAllowed, step is SaslStep.Succeeded);
        Assert.True(isAllowed || step == BadCredentials);
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 1, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0 })]
    [InlineData(new byte[] { 2, 0, 0, 0 })]
    [InlineData(new byte[] { 3, 0, 0, 0 })]
    [InlineData(new byte[] { 4, 0, 0x10, 0 })]
    [InlineData(new byte[] { 1, 0, 0x10, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 0, 0, 0, 0xFF })]
    [InlineData(new byte[] { 1, 0, 0, 0, (byte)'a', 0 })]
    public void A_layer_that_was_not_offered_or_a_name_that_is_no_text_is_malformed(byte[] choice)
    {
        Assert.Equal(Malformed, AtChoice().Answer(new SaslAnswer.Octets(choice)));
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("@EXAMPLE.TEST")]
    [InlineData("alice@")]
    [InlineData("alice/admin@EXAMPLE.TEST")]
    [InlineData(@"alice\@other.test@EXAMPLE.TEST")]
    [InlineData("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS")]
    [InlineData("")]
    public void A_principal_that_is_no_user_is_refused(string name)
    {
        var exchange = New();
        exchange.Begin(Request);

        Assert.Equal(BadCredentials, exchange.Answer(new SaslAnswer.ContextEstablished(Reply, name)));
    }

    [Fact]
    public void Another_realm_does_not_lead_into_a_domain_that_was_given_away()
    {
        var realms = new RealmMap([KeyValuePair.Create("CORP.EXAMPLE", "example.test")]);
        var exchange = AtChoice(realms, "alice@EXAMPLE.TEST");

        Assert.Equal(BadCredentials, exchange.Answer(new SaslAnswer.Octets(Choice(""))));
        Assert.Equal(
            new SaslStep.FindAccount("alice@example.test"),
            AtChoice(realms, "alice@CORP.EXAMPLE").Answer(new SaslAnswer.Octets(Choice(""))));
    }

    [Fact]
    public void Every_answer_that_is_no_yes_is_a_no()
    {
        foreach (var at in (Func<ISaslExchange>[])[AtToken, AtOffer, () => AtChoice()])
        {
            Assert.Equal(BadCredentials, at().Answer(new SaslAnswer.TokenRefused()));
            Assert.Equal(Temporary, at().Answer(new SaslAnswer.Unavailable()));
        }

        Assert.Equal(BadCredentials, AtToken().Answer(new SaslAnswer.ContextContinues(ReadOnlyMemory<byte>.Empty)));
        Assert.Equal(BadCredentials, AtAccount().Answer(new SaslAnswer.Account(null)));
        Assert.Equal(Temporary, AtAccount().Answer(new SaslAnswer.Unavailable()));
    }

    [Fact]
    public void A_response_out_of_turn_is_malformed_and_ends_the_exchange()
    {
        var exchange = New();
        exchange.Begin(Request);
        exchange.Answer(Established(Reply));
        Assert.Equal(Malformed, exchange.Respond("x"u8.ToArray()));
        Assert.Equal(Malformed, exchange.Respond(Array.Empty<byte>()));

        foreach (var at in (Func<ISaslExchange>[])[AtToken, AtOffer, () => AtChoice(), AtAccount])
        {
            Assert.Equal(Malformed, at().Respond(Request));
        }
    }

    [Fact]
    public void An_answer_that_nobody_asked_for_is_a_bug()
    {
        Assert.Throws<InvalidOperationException>(() => New().Answer(Established(Reply)));
        Assert.Throws<InvalidOperationException>(() => AtToken().Answer(new SaslAnswer.Octets(Wrapped)));
        Assert.Throws<InvalidOperationException>(() => AtChoice().Answer(Established(Reply)));
        Assert.Throws<InvalidOperationException>(() => AtAccount().Answer(new SaslAnswer.Octets(Wrapped)));
    }

    private static SaslAnswer.ContextEstablished Established(byte[] token) => new(token, "alice@EXAMPLE.TEST");

    private static byte[] Choice(string authorizationIdentity) =>
        [1, 0, 0, 0, .. Encoding.UTF8.GetBytes(authorizationIdentity)];

    private static ISaslExchange New(RealmMap? realms = null)
    {
        var context = new SaslContext("nonce") { Realms = realms ?? RealmMap.Same };
        Assert.True(SaslMechanisms.TryCreate("gssapi", context, out var exchange));
        return exchange;
    }

    private static ISaslExchange AtToken()
    {
        var exchange = New();
        exchange.Begin(Request);
        return exchange;
    }

    private static ISaslExchange AtOffer()
    {
        var exchange = AtToken();
        exchange.Answer(Established([]));
        return exchange;
    }

    /// <summary>The choice has come, and its octets are asked for.</summary>
    private static ISaslExchange AtChoice(RealmMap? realms = null, string name = "alice@EXAMPLE.TEST")
    {
        var exchange = New(realms);
        exchange.Begin(Request);
        exchange.Answer(new SaslAnswer.ContextEstablished(ReadOnlyMemory<byte>.Empty, name));
        exchange.Answer(new SaslAnswer.Octets(Wrapped));
        exchange.Respond(Wrapped);
        return exchange;
    }

    private static ISaslExchange AtAccount()
    {
        var exchange = AtChoice();
        exchange.Answer(new SaslAnswer.Octets(Choice("")));
        return exchange;
    }
}
