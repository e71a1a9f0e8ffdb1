using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// Every mechanism (RFC 4616, RFC 4752, RFC 5802, NTLM), chosen by the first octet, fed with the lines of the rest as
/// responses. Nobody gets in who was not let in: no success without an accepted password or an established context,
/// none by guessing a SCRAM proof, and none for another name than the context's.
/// </summary>
public sealed class SaslTarget : IFuzzTarget
{
    private const string Password = "pencil";

    private static readonly ScramKeys Keys =
        ScramSha256.Derive(Password, Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="), 16);

    private static readonly SaslIdentity Identity = new(new AccountId(5), new TenantId(1), "user@example.test");

    public static string Name => "sasl";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var selector = input.IsEmpty ? 0 : input[0];
        var mechanism = SaslMechanisms.Names[selector % SaslMechanisms.Names.Length];
        var context = new SaslContext("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", selector % 2 == 1)
        {
            Binding = selector >= 128 ? new(ChannelBinding.ServerEndPoint, [1, 2, 3]) : null,
        };
        Check.That(SaslMechanisms.TryCreate(mechanism, context, out var exchange), "what is named can be made");
        var shell = new Shell();
        SaslStep? step = null;
        var responses = input.IsEmpty ? input : input[1..];
        foreach (var range in responses.Split((byte)'\n'))
        {
            ReadOnlyMemory<byte> response = responses[range].ToArray();
            step = step is null ? exchange!.Begin(response) : exchange!.Respond(response);
            while (step is SaslStep.Question question)
            {
                step = exchange.Answer(shell.Answer(question));
            }

            if (step is not SaslStep.Challenge)
            {
                break;
            }
        }

        Check.That(step is not SaslStep.Succeeded || shell.WasAccepted, "nobody gets in who was not let in");
    }

    /// <summary>
    /// Answers as a context would: what a token means is in its last octet. Wrapping changes nothing, so that every
    /// choice of a layer can be made.
    /// </summary>
    private sealed class Shell
    {
        private bool _isOpen;
        private bool _isEstablished;

        public bool WasAccepted { get; private set; }

        public SaslAnswer Answer(SaslStep.Question question)
        {
            switch (question)
            {
                case SaslStep.CheckPassword check:
                    Check.That(check.User.Length > 0 && check.Password.Length > 0, "a question is complete");
                    Check.That(!check.User.Contains('\0', StringComparison.Ordinal), "without NUL");
                    WasAccepted = check.Password == Password;
                    return WasAccepted ? new SaslAnswer.PasswordAccepted(Identity) : new SaslAnswer.PasswordRefused();
                case SaslStep.FindKeys:
                    return new SaslAnswer.Keys(Keys, null);
                case SaslStep.AcceptToken accept:
                    Check.That(accept.IsFirst != _isOpen, "the first token opens the one context");
                    Check.That(!_isEstablished, "no token for a context that stands");
                    _isOpen = true;
                    return Accept(accept);
                case SaslStep.Wrap wrap:
                    Check.That(_isEstablished, "wrapped in a context that stands");
                    return new SaslAnswer.Octets(wrap.Octets);
                case SaslStep.Unwrap unwrap:
                    Check.That(_isEstablished, "unwrapped in a context that stands");
                    return new SaslAnswer.Octets(unwrap.Token);
                case SaslStep.FindAccount find:
                    Check.That(_isEstablished, "who it is follows from a context that stands");
                    Check.That(find.Address == Identity.Address, "the context's name and no other");
                    WasAccepted = true;
                    return new SaslAnswer.Account(Identity);
                default:
                    throw new InvalidOperationException(question.ToString());
            }
        }

        private SaslAnswer Accept(SaslStep.AcceptToken accept)
        {
            var last = accept.Token.Span[^1];
            if (last % 4 == 1)
            {
                return new SaslAnswer.ContextContinues("token"u8.ToArray());
            }

            if (last % 4 == 3)
            {
                return new SaslAnswer.TokenRefused();
            }

            _isEstablished = true;
            return new SaslAnswer.ContextEstablished(
                last % 4 == 0 ? ReadOnlyMemory<byte>.Empty : "token"u8.ToArray(),
                accept.Package == SaslPackage.Ntlm ? @"EXAMPLE.TEST\user" : "user@EXAMPLE.TEST");
        }
    }
}
