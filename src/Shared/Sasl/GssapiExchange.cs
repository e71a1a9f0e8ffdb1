namespace MailCluster.Shared.Sasl;

/// <summary>
/// GSSAPI, which is Kerberos V5 (RFC 4752): tokens until the context stands, then the layers. "No security layer" is
/// the only one offered, since TLS is below; the client's choice and authorization identity are checked.
/// </summary>
internal sealed class GssapiExchange(SaslContext context) : ISaslExchange
{
    /// <summary>
    /// Tokens of one client; Kerberos needs one, DCE's style two. More never ends (RFC 2743 §2.2.2).
    /// </summary>
    private const int TokensMax = 4;

    private const byte NoSecurityLayer = 1;

    private enum Stage
    {
        Token,
        TokenAsked,

        /// <summary>The last token is the client's; it answers with nothing (RFC 4752 §3.1).</summary>
        Nothing,
        OfferAsked,
        Choice,
        ChoiceAsked,
        AccountAsked,
        Over,
    }

    private Stage _stage;
    private int _tokens;
    private PrincipalName? _name;
    private string _authorizationIdentity = string.Empty;

    /// <summary>RFC 1964 §1.1: 1.2.840.113554.1.2.2 in DER.</summary>
    private static ReadOnlySpan<byte> KerberosOid =>
        [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02];

    /// <summary>RFC 4752 §3.2: the layers, then the longest message that we take under them in 24 bits.</summary>
    private static byte[] Offer => [NoSecurityLayer, 0, 0, 0];

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) =>
        initialResponse is { } response ? Respond(response) : new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty);

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        switch (_stage)
        {
            case Stage.Token when IsToken(response.Span):
                _stage = Stage.TokenAsked;
                return new SaslStep.AcceptToken(SaslPackage.Kerberos, response, IsFirst: _tokens++ == 0);
            case Stage.Nothing when response.IsEmpty:
                _stage = Stage.OfferAsked;
                return new SaslStep.Wrap(Offer);
            case Stage.Choice:
                _stage = Stage.ChoiceAsked;
                return new SaslStep.Unwrap(response);
            default:
                return Fail(SaslFailure.Malformed);
        }
    }

    public SaslStep Answer(SaslAnswer answer)
    {
        switch (_stage, answer)
        {
            case (Stage.TokenAsked, SaslAnswer.ContextContinues { Token.IsEmpty: false } continues):
                _stage = Stage.Token;
                return new SaslStep.Challenge(continues.Token);
            case (Stage.TokenAsked, SaslAnswer.ContextEstablished established):
                return Established(established);
            case (Stage.OfferAsked, SaslAnswer.Octets wrapped):
                _stage = Stage.Choice;
                return new SaslStep.Challenge(wrapped.Value);
            case (Stage.ChoiceAsked, SaslAnswer.Octets choice):
                return Chosen(choice.Value.Span);
            case (Stage.TokenAsked or Stage.OfferAsked or Stage.ChoiceAsked, SaslAnswer.Unavailable):
                return Fail(SaslFailure.Temporary);
            case (Stage.TokenAsked or Stage.OfferAsked or Stage.ChoiceAsked, SaslAnswer.TokenRefused
                or SaslAnswer.ContextContinues):
                return Fail(SaslFailure.BadCredentials);
            case (Stage.AccountAsked, _):
                _stage = Stage.Over;
                return _name!.Conclude(answer, _authorizationIdentity);
            default:
                throw new InvalidOperationException($"Nothing was asked that {answer} answers.");
        }
    }

    private SaslStep Established(SaslAnswer.ContextEstablished established)
    {
        _name = PrincipalName.ParseKerberos(established.Name);
        if (_name is null)
        {
            return Fail(SaslFailure.BadCredentials);
        }

        if (established.Token.IsEmpty)
        {
            _stage = Stage.OfferAsked;
            return new SaslStep.Wrap(Offer);
        }

        _stage = Stage.Nothing;
        return new SaslStep.Challenge(established.Token);
    }

    /// <summary>RFC 4752 §3.2: a layer that was offered, no length without one, the authorization identity.</summary>
    private SaslStep Chosen(ReadOnlySpan<byte> choice)
    {
        if (choice.Length < 4 || !choice[..4].SequenceEqual(Offer)
            || (choice.Length > 4 && !SaslText.TryDecode(choice[4..], out _authorizationIdentity)))
        {
            return Fail(SaslFailure.Malformed);
        }

        _stage = Stage.AccountAsked;
        return (SaslStep?)_name!.Ask(context.Realms) ?? Fail(SaslFailure.BadCredentials);
    }

    /// <summary>
    /// The first one names Kerberos V5 (RFC 2743 §3.1): the system may have other mechanisms, which the client must not
    /// choose under this name (RFC 4752 §3.2).
    /// </summary>
    private bool IsToken(ReadOnlySpan<byte> token) =>
        _tokens == 0 ? NamesKerberos(token) : _tokens < TokensMax && !token.IsEmpty;

    /// <summary>0x60, a DER length of any form, the OID.</summary>
    private static bool NamesKerberos(ReadOnlySpan<byte> token)
    {
        if (token.Length < 2 || token[0] != 0x60)
        {
            return false;
        }

        var lengthOctets = token[1] < 0x80 ? 0 : token[1] & 0x7F;
        return lengthOctets <= 4 && token.Length > 2 + lengthOctets
            && token[(2 + lengthOctets)..].StartsWith(KerberosOid);
    }

    private SaslStep.Failed Fail(SaslFailure why)
    {
        _stage = Stage.Over;
        return new(why);
    }
}
