using System.Text;
using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;
using Xunit;

namespace MailCluster.Shared.Tests.Sasl;

/// <summary>PLAIN (RFC 4616) and LOGIN ([MS-XLOGIN]).</summary>
public sealed class PasswordExchangeTests
{
    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "alice@example.test");

    private static readonly SaslStep.Failed Malformed = new(SaslFailure.Malformed);

    [Theory]
    [InlineData("\0alice\0secret", "", "alice", "secret")]
    [InlineData("bob\0alice\0secret", "bob", "alice", "secret")]
    [InlineData("\0alice\0 pass word ", "", "alice", " pass word ")]
    [InlineData("\0ünï\0pässword\u20ac", "", "ünï", "pässword\u20ac")]
    public void Plain_message_is_understood(string message, string authorization, string user, string password)
    {
        Assert.Equal(
            new SaslStep.CheckPassword(authorization, user, password), New("PLAIN").Begin(Octets(message)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("alice")]
    [InlineData("\0alice")]
    [InlineData("\0\0secret")]
    [InlineData("\0alice\0")]
    [InlineData("\0alice\0sec\0ret")]
    [InlineData("\0alice\0sec\r\nret")]
    [InlineData("al\tice\0alice\0secret")]
    public void Plain_message_is_malformed(string message)
    {
        Assert.Equal(Malformed, New("PLAIN").Begin(Octets(message)));
    }

    [Fact]
    public void Plain_refuses_what_is_not_UTF8()
    {
        Assert.Equal(Malformed, New("PLAIN").Begin((byte[])[0, 0xC0, 0x80, 0, (byte)'x']));
        Assert.Equal(Malformed, New("PLAIN").Begin((byte[])[0, (byte)'x', 0, 0xED, 0xA0, 0x80]));
    }

    /// <summary>RFC 4616 §2: at least 255 octets; ours end at 1024.</summary>
    [Fact]
    public void Plain_takes_long_names_and_passwords_up_to_the_limit()
    {
        var longest = new string('x', 1024);

        Assert.IsType<SaslStep.CheckPassword>(New("PLAIN").Begin(Octets($"{longest}\0{longest}\0{longest}")));
        Assert.Equal(Malformed, New("PLAIN").Begin(Octets($"\0{longest}x\0secret")));
        Assert.Equal(Malformed, New("PLAIN").Begin(Octets($"\0alice\0{longest}x")));
        Assert.Equal(Malformed, New("PLAIN").Begin(Octets($"{longest}x\0alice\0secret")));
    }

    [Fact]
    public void Plain_without_initial_response_asks_with_an_empty_challenge()
    {
        var exchange = New("plain");

        Assert.True(Assert.IsType<SaslStep.Challenge>(exchange.Begin(null)).Octets.IsEmpty);
        Assert.IsType<SaslStep.CheckPassword>(exchange.Respond(Octets("\0alice\0secret")));
    }

    [Theory]
    [InlineData("\0alice\0secret", true)]
    [InlineData("ALICE\0alice\0secret", true)]
    [InlineData("alice@example.test\0alice\0secret", true)]
    [InlineData("bob\0alice\0secret", false)]
    public void Nobody_acts_for_another(string message, bool isAllowed)
    {
        var exchange = New("PLAIN");
        exchange.Begin(Octets(message));

        var step = exchange.Answer(new SaslAnswer.PasswordAccepted(Identity));

        Assert.Equal(
            isAllowed ? new SaslStep.Succeeded(Identity) : new SaslStep.Failed(SaslFailure.BadCredentials), step);
    }

    [Fact]
    public void Login_asks_for_the_name_and_the_password()
    {
        var exchange = New("LOGIN");

        Assert.Equal("Username:", Text(exchange.Begin(null)));
        Assert.Equal("Password:", Text(exchange.Respond(Octets("alice"))));
        Assert.Equal(
            new SaslStep.CheckPassword(string.Empty, "alice", "secret"), exchange.Respond(Octets("secret")));
        Assert.Equal(
            new SaslStep.Failed(SaslFailure.BadCredentials), exchange.Answer(new SaslAnswer.PasswordRefused()));
    }

    [Fact]
    public void Login_takes_the_name_as_initial_response()
    {
        var exchange = New("LOGIN");

        Assert.Equal("Password:", Text(exchange.Begin(Octets("alice"))));
        Assert.Equal(Malformed, exchange.Respond(ReadOnlyMemory<byte>.Empty));
    }

    [Fact]
    public void Store_that_is_away_is_a_temporary_failure()
    {
        var exchange = New("PLAIN");
        exchange.Begin(Octets("\0alice\0secret"));

        Assert.Equal(new SaslStep.Failed(SaslFailure.Temporary), exchange.Answer(new SaslAnswer.Unavailable()));
    }

    [Fact]
    public void Response_after_the_question_is_malformed()
    {
        var exchange = New("PLAIN");
        exchange.Begin(Octets("\0alice\0secret"));

        Assert.Equal(Malformed, exchange.Respond(Octets("\0alice\0secret")));
    }

    [Fact]
    public void Unknown_mechanism_is_not_made()
    {
        Assert.False(SaslMechanisms.TryCreate("CRAM-MD5", new SaslContext("n"), out var exchange));
        Assert.Null(exchange);
        Assert.All(SaslMechanisms.Names, name => New(name));
        Assert.Equal(["PLAIN", "LOGIN"], SaslMechanisms.Names.Where(SaslMechanisms.SendsPassword));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("YQ==", "a")]
    [InlineData("YWI=", "ab")]
    [InlineData("YWJj", "abc")]
    public void Base64_is_read(string text, string expected)
    {
        Assert.True(SaslBase64.TryDecode(Octets(text), out var octets));
        Assert.Equal(expected, Encoding.ASCII.GetString(octets));
    }

    [Theory]
    [InlineData("Y")]
    [InlineData("YQ")]
    [InlineData("YQ=")]
    [InlineData("YQ==YQ==")]
    [InlineData("=")]
    [InlineData("====")]
    [InlineData("YW Jj")]
    [InlineData(" YWJj")]
    [InlineData("YWJj\r\n")]
    [InlineData("YWJj\t\t\t\t")]
    [InlineData("YW-_")]
    [InlineData("*")]
    public void Base64_with_anything_foreign_is_refused(string text)
    {
        Assert.False(SaslBase64.TryDecode(Octets(text), out _));
    }

    [Fact]
    public void Equals_sign_is_the_empty_initial_response()
    {
        Assert.True(SaslBase64.TryDecodeInitialResponse("="u8, out var octets));
        Assert.Empty(octets);
        Assert.False(SaslBase64.TryDecodeInitialResponse([], out _));
    }

    [Theory]
    [InlineData("password", "password")]
    [InlineData("pass\u00A0word", "pass word")]
    [InlineData("I\u00ADX", "IX")]
    public void Password_is_prepared_as_SASLprep_has_it(string password, string expected)
    {
        Assert.True(PasswordText.TryPrepare(password, out var prepared));
        Assert.Equal(expected, prepared);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\u0007b")]
    [InlineData("a\u007Fb")]
    [InlineData("a\u0085b")]
    [InlineData("\u00AD")]
    public void Password_that_cannot_be_is_refused(string password)
    {
        Assert.False(PasswordText.TryPrepare(password, out _));
        Assert.Throws<ArgumentException>(() => ScramSha256.Derive(password, "salt"u8, 1));
        Assert.False(ScramSha256.Matches(ScramSha256.Derive("other", "salt"u8, 1), password));
    }

    [Fact]
    public void Password_with_a_lone_surrogate_is_refused()
    {
        Assert.False(PasswordText.TryPrepare("a" + '\uD800', out _));
    }

    private static ISaslExchange New(string name)
    {
        Assert.True(SaslMechanisms.TryCreate(name, new SaslContext("nonce"), out var exchange));
        return exchange;
    }

    private static byte[] Octets(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(SaslStep step) =>
        Encoding.UTF8.GetString(Assert.IsType<SaslStep.Challenge>(step).Octets.Span);
}
