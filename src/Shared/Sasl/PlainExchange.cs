namespace MailCluster.Shared.Sasl;

/// <summary>PLAIN. RFC 4616 §2: message = [authzid] UTF8NUL authcid UTF8NUL passwd.</summary>
internal sealed class PlainExchange : ISaslExchange
{
    private SaslStep.CheckPassword? _question;

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) =>
        initialResponse is { } response ? Respond(response) : new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty);

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        if (_question is not null || !TryParse(response.Span, out var question))
        {
            return new SaslStep.Failed(SaslFailure.Malformed);
        }

        _question = question;
        return question;
    }

    public SaslStep Answer(SaslAnswer answer) =>
        PasswordCheck.Conclude(_question ?? throw new InvalidOperationException("Nothing was asked."), answer);

    private static bool TryParse(ReadOnlySpan<byte> message, out SaslStep.CheckPassword question)
    {
        question = new SaslStep.CheckPassword(string.Empty, string.Empty, string.Empty);
        var first = message.IndexOf((byte)0);
        if (first < 0)
        {
            return false;
        }

        var rest = message[(first + 1)..];
        var second = rest.IndexOf((byte)0);
        var authorizationIdentity = string.Empty;
        if (second < 0
            || (first > 0 && !SaslText.TryDecode(message[..first], out authorizationIdentity))
            || !SaslText.TryDecode(rest[..second], out var user)
            || !SaslText.TryDecode(rest[(second + 1)..], out var password))
        {
            return false;
        }

        question = new SaslStep.CheckPassword(authorizationIdentity, user, password);
        return true;
    }
}
