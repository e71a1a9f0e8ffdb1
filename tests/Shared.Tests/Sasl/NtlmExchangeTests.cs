using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Shared.Tests.Sasl;

public sealed class NtlmExchangeTests
{
    private static readonly SaslStep.Failed Malformed = new(SaslFailure.Malformed);
    private static readonly SaslStep.Failed BadCredentials = new(SaslFailure.BadCredentials);
    private static readonly SaslStep.Failed Temporary = new(SaslFailure.Temporary);
    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "alice@example.test");

    private static readonly byte[] Negotiate = Message(1);
    private static readonly byte[] Challenge = Message(2);
    private static readonly byte[] Authenticate = Message(3);

    private static readonly SaslAnswer Continues = new SaslAnswer.ContextContinues(Challenge);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("Requirement", "OXSMTP-SASL-06")]
    public void Three_messages_and_an_account_log_in(bool hasInitialResponse)
    {
        var exchange = New();

        if (!hasInitialResponse)
        {
            Assert.True(Assert.IsType<SaslStep.Challenge>(exchange.Begin(null)).Octets.IsEmpty);
        }

        var first = hasInitialResponse ? exchange.Begin(Negotiate) : exchange.Respond(Negotiate);
        Assert.Equal(new SaslStep.AcceptToken(SaslPackage.Ntlm, Negotiate, IsFirst: true), first);
        Assert.Equal(new SaslStep.Challenge(Challenge), exchange.Answer(Continues));
        Assert.Equal(
            new SaslStep.AcceptToken(SaslPackage.Ntlm, Authenticate, IsFirst: false), exchange.Respond(Authenticate));
        Assert.Equal(
            new SaslStep.FindAccount("alice@example.test"), exchange.Answer(Established(@"Example.TEST\alice")));
        Assert.Equal(new SaslStep.Succeeded(Identity), exchange.Answer(new SaslAnswer.Account(Identity)));
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("alice@example.test")]
    [InlineData(@"\alice")]
    [InlineData(@"EXAMPLE.TEST\")]
    [InlineData(@"EXAMPLE.TEST\alice@other.test")]
    [InlineData(@"EXAMPLE.TEST\other.test\alice")]
    [InlineData(@"EXAMPLE.TEST\alice/x")]
    [InlineData(@"a@EXAMPLE.TEST\alice")]
    [InlineData("EXAMPLE.TEST\\al\0ice")]
    [InlineData("")]
    public void A_name_that_could_mean_another_user_is_refused(string name)
    {
        Assert.Equal(BadCredentials, AtAuthenticate().Answer(Established(name)));
    }

    [Fact]
    public void A_realm_leads_into_the_domain_that_was_given_to_it_and_no_other_realm_does()
    {
        var realms = new RealmMap([KeyValuePair.Create("CORP", "Example.test")]);

        Assert.Equal(
            new SaslStep.FindAccount("alice@example.test"), AtAuthenticate(realms).Answer(Established(@"corp\alice")));
        Assert.Equal(BadCredentials, AtAuthenticate(realms).Answer(Established(@"EXAMPLE.TEST\alice")));
        Assert.Equal(
            new SaslStep.FindAccount("alice@other.test"),
            AtAuthenticate(realms).Answer(Established(@"OTHER.test\alice")));
    }

    [Fact]
    public void What_is_not_the_message_that_is_due_is_malformed()
    {
        byte[][] messages =
        [
            [], "NTLMSSP\0"u8.ToArray(), Negotiate[..11], [0x60, 2, 6, 0], Challenge, Message(4), [0, .. Negotiate],
        ];
        foreach (var message in messages)
        {
            Assert.Equal(Malformed, New().Begin(message));
            Assert.Equal(Malformed, AtChallenge().Respond(message));
        }

        Assert.Equal(Malformed, New().Begin(Authenticate));
        Assert.Equal(Malformed, AtChallenge().Respond(Negotiate));
    }

    [Fact]
    public void An_exchange_that_failed_stays_failed()
    {
        var exchange = New();
        exchange.Begin(Authenticate);

        Assert.Equal(Malformed, exchange.Respond(Negotiate));
        Assert.Throws<InvalidOperationException>(() => exchange.Answer(Continues));
    }

    [Fact]
    public void Every_answer_that_is_no_yes_is_a_no()
    {
        Assert.Equal(BadCredentials, AtNegotiate().Answer(new SaslAnswer.TokenRefused()));
        Assert.Equal(BadCredentials, AtNegotiate().Answer(Established(@"EXAMPLE.TEST\alice")));
        Assert.Equal(Temporary, AtNegotiate().Answer(new SaslAnswer.Unavailable()));
        Assert.Equal(BadCredentials, AtAuthenticate().Answer(new SaslAnswer.TokenRefused()));
        Assert.Equal(BadCredentials, AtAuthenticate().Answer(Continues));
        Assert.Equal(Temporary, AtAuthenticate().Answer(new SaslAnswer.Unavailable()));
        Assert.Equal(BadCredentials, AtAccount().Answer(new SaslAnswer.Account(null)));
        Assert.Equal(Temporary, AtAccount().Answer(new SaslAnswer.Unavailable()));
    }

    [Fact]
    public void An_answer_that_nobody_asked_for_is_a_bug()
    {
        Assert.Throws<InvalidOperationException>(() => New().Answer(Continues));
        Assert.Throws<InvalidOperationException>(() => AtChallenge().Answer(Continues));
        Assert.Throws<InvalidOperationException>(() => AtNegotiate().Answer(new SaslAnswer.PasswordRefused()));
        Assert.Throws<InvalidOperationException>(() => AtAccount().Answer(Continues));
    }

    private static SaslAnswer.ContextEstablished Established(string name) => new(ReadOnlyMemory<byte>.Empty, name);

    private static byte[] Message(byte type) => [.. "NTLMSSP\0"u8, type, 0, 0, 0, 0, 0, 0, 0];

    private static ISaslExchange New(RealmMap? realms = null)
    {
        var context = new SaslContext("nonce") { Realms = realms ?? RealmMap.Same };
        Assert.True(SaslMechanisms.TryCreate("NTLM", context, out var exchange));
        return exchange;
    }

    private static ISaslExchange AtNegotiate(RealmMap? realms = null)
    {
        var exchange = New(realms);
        exchange.Begin(Negotiate);
        return exchange;
    }

    private static ISaslExchange AtChallenge(RealmMap? realms = null)
    {
        var exchange = AtNegotiate(realms);
        exchange.Answer(Continues);
        return exchange;
    }

    private static ISaslExchange AtAuthenticate(RealmMap? realms = null)
    {
        var exchange = AtChallenge(realms);
        exchange.Respond(Authenticate);
        return exchange;
    }

    private static ISaslExchange AtAccount()
    {
        var exchange = AtAuthenticate();
        exchange.Answer(Established(@"EXAMPLE.TEST\alice"));
        return exchange;
    }
}
