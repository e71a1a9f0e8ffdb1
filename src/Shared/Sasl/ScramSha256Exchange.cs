using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using MailCluster.Shared.Accounts;

namespace MailCluster.Shared.Sasl;

/// <summary>
/// The server of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677). An error is told by the protocol's own
/// reply, not by "e=" (RFC 5802 §7 leaves that free). The server signature is one more challenge, answered by an empty
/// response.
/// </summary>
/// <param name="isPlus">The client chose the name with channel binding, and must bind (RFC 5802 §6).</param>
internal sealed class ScramSha256Exchange(SaslContext context, bool isPlus) : ISaslExchange
{
    private static readonly SaslStep.Failed Malformed = new(SaslFailure.Malformed);

    private ScramClientFirst? _first;
    private SaslAnswer.Keys? _keys;
    private string _serverFirst = string.Empty;
    private SaslStep.Succeeded? _outcome;

    /// <summary>What follows the GS2 header in "c=": nothing without "p" (RFC 5802 §7).</summary>
    private ImmutableArray<byte> Binding => isPlus ? context.Binding!.Octets : [];

    private string Nonce => _first!.Nonce + context.ServerNonce;

    public SaslStep Begin(ReadOnlyMemory<byte>? initialResponse) =>
        initialResponse is { } response ? Respond(response) : new SaslStep.Challenge(ReadOnlyMemory<byte>.Empty);

    public SaslStep Respond(ReadOnlyMemory<byte> response)
    {
        if (_first is null)
        {
            return First(response.Span);
        }

        if (_outcome is not null)
        {
            return response.IsEmpty ? _outcome : Malformed;
        }

        return _keys is null ? Malformed : Final(response.Span);
    }

    public SaslStep Answer(SaslAnswer answer)
    {
        if (_first is null || _keys is not null)
        {
            throw new InvalidOperationException("Nothing was asked.");
        }

        switch (answer)
        {
            case SaslAnswer.Keys keys:
                _keys = keys;
                _serverFirst = string.Create(
                    CultureInfo.InvariantCulture,
                    $"r={Nonce},s={Convert.ToBase64String(keys.Value.Salt.AsSpan())},i={keys.Value.Iterations}");
                return new SaslStep.Challenge(Encoding.ASCII.GetBytes(_serverFirst));
            case SaslAnswer.Unavailable:
                return new SaslStep.Failed(SaslFailure.Temporary);
            default:
                throw new InvalidOperationException("A question for keys is answered by keys.");
        }
    }

    private SaslStep First(ReadOnlySpan<byte> message)
    {
        if (!ScramClientFirst.TryParse(message, out var first) || !IsFlagRight(first))
        {
            return Malformed;
        }

        _first = first;
        return new SaslStep.FindKeys(first.User);
    }

    /// <summary>
    /// RFC 5802 §6: "p" with the name that has -PLUS and only with it, a type that this connection has; "y" only where
    /// that name was not to be had.
    /// </summary>
    private bool IsFlagRight(ScramClientFirst first) => first.BindingFlag switch
    {
        'p' => isPlus && first.BindingType == context.Binding?.Type,
        'y' => !isPlus && !context.OffersChannelBinding,
        _ => !isPlus,
    };

    private SaslStep Final(ReadOnlySpan<byte> message)
    {
        if (!ScramClientFinal.TryParse(message, out var final)
            || !final.ChannelBinding.AsSpan().StartsWith(_first!.Gs2Header)
            || !string.Equals(final.Nonce, Nonce, StringComparison.Ordinal))
        {
            return Malformed;
        }

        byte[] authMessage =
            [.. _first.Bare, (byte)',', .. Encoding.ASCII.GetBytes(_serverFirst), (byte)',', .. final.WithoutProof];
        var proven = ScramSha256.VerifyProof(_keys!.Value, authMessage, final.Proof);
        var bound = final.ChannelBinding.AsSpan(_first.Gs2Header.Length).SequenceEqual(Binding.AsSpan());
        if (!proven || !bound || _keys.Identity is not { } identity
            || !SaslText.MayActAs(_first.AuthorizationIdentity, _first.User, identity))
        {
            return new SaslStep.Failed(SaslFailure.BadCredentials);
        }

        _outcome = new SaslStep.Succeeded(identity);
        var signature = Convert.ToBase64String(ScramSha256.ServerSignature(_keys.Value, authMessage));
        return new SaslStep.Challenge(Encoding.ASCII.GetBytes("v=" + signature));
    }
}
