namespace MailCluster.Shared.Sasl;

/// <summary>
/// LOGIN, the mechanism without an RFC ([MS-XLOGIN] §2.2): "Username:" and "Password:" are asked for in turn; an
/// initial response is the user's name.
/// </summary>
internal sealed class LoginExchange : ISaslExchange
{
    private static readonly SaslStep.Challenge AskUser = new("Username:"u8.ToArray());
    private static readonly SaslStep.Challenge AskPassword = new("Password:"u8.ToArray());

    private string? _user;
    private SaslStep.CheckPassword? _question;

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) =>
        initialResponse is { } response ? Respond(response) : AskUser;

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        if (_question is not null || !SaslText.TryDecode(response.Span, out var text))
        {
            return new SaslStep.Failed(SaslFailure.Malformed);
        }

        if (_user is null)
        {
            _user = text;
            return AskPassword;
        }

        _question = new SaslStep.CheckPassword(string.Empty, _user, text);
        return _question;
    }

    public SaslStep Answer(SaslAnswer answer) =>
        PasswordCheck.Conclude(_question ?? throw new InvalidOperationException("Nothing was asked."), answer);
}
