using System.Buffers.Binary;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// NTLM ([MS-NLMP] §1.3.1.1; [MS-SMTPNTLM], [MS-OXPOP3]): NEGOTIATE, our CHALLENGE, AUTHENTICATE. The shell's security
/// context makes and checks them; this is their order, and who the outcome is.
/// </summary>
internal sealed class NtlmExchange(SaslContext context) : ISaslExchange
{
    private const uint Negotiate = 1;
    private const uint Authenticate = 3;

    private enum Stage
    {
        Negotiate,
        NegotiateAsked,
        Authenticate,
        AuthenticateAsked,
        AccountAsked,
        Over,
    }

    private Stage _stage;
    private PrincipalName? _name;

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) =>
        initialResponse is { } response ? Respond(response) : new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty);

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        switch (_stage)
        {
            case Stage.Negotiate when IsMessage(response.Span, Negotiate):
                _stage = Stage.NegotiateAsked;
                return new SaslStep.AcceptToken(SaslPackage.Ntlm, response, IsFirst: true);
            case Stage.Authenticate when IsMessage(response.Span, Authenticate):
                _stage = Stage.AuthenticateAsked;
                return new SaslStep.AcceptToken(SaslPackage.Ntlm, response, IsFirst: false);
            default:
                return Fail(SaslFailure.Malformed);
        }
    }

    public SaslStep Answer(SaslAnswer answer)
    {
        switch (_stage, answer)
        {
            case (Stage.NegotiateAsked, SaslAnswer.ContextContinues continues):
                _stage = Stage.Authenticate;
                return new SaslStep.Challenge(continues.Token);
            case (Stage.AuthenticateAsked, SaslAnswer.ContextEstablished established):
                _name = PrincipalName.ParseNtlm(established.Name);
                _stage = Stage.AccountAsked;
                return (SaslStep?)_name?.Ask(context.Realms) ?? Fail(SaslFailure.BadCredentials);
            case (Stage.NegotiateAsked or Stage.AuthenticateAsked, SaslAnswer.Unavailable):
                return Fail(SaslFailure.Temporary);
            case (Stage.NegotiateAsked or Stage.AuthenticateAsked, SaslAnswer.TokenRefused
                or SaslAnswer.ContextContinues or SaslAnswer.ContextEstablished):
                return Fail(SaslFailure.BadCredentials);
            case (Stage.AccountAsked, _):
                _stage = Stage.Over;
                return _name!.Conclude(answer, string.Empty);
            default:
                throw new InvalidOperationException($"Nothing was asked that {answer} answers.");
        }
    }

    /// <summary>[MS-NLMP] §2.2.1: "NTLMSSP" NUL, then the message's type.</summary>
    private static bool IsMessage(ReadOnlySpan<byte> message, uint type) =>
        message.Length >= 12 && message.StartsWith("NTLMSSP\0"u8)
        && BinaryPrimitives.ReadUInt32LittleEndian(message[8..]) == type;

    private SaslStep.Failed Fail(SaslFailure why)
    {
        _stage = Stage.Over;
        return new(why);
    }
}
