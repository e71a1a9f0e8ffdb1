using MailCluster.Shared.Accounts;
using MailCluster.Shared.Sasl;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// Every mechanism (RFC 4616, RFC 5802), chosen by the first octet, fed with the lines of the rest as responses. Nobody
/// gets in who was not let in: no success without an accepted password, and none by guessing a SCRAM proof.
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
        Check.That(
            SaslMechanisms.TryCreate(
                mechanism, new SaslContext("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", selector % 2 == 1), out var exchange),
            "what is named can be made");
        var wasAccepted = false;
        SaslStep? step = null;
        var responses = input.IsEmpty ? input : input[1..];
        foreach (var range in responses.Split((byte)'\n'))
        {
            ReadOnlyMemory<byte> response = responses[range].ToArray();
            step = step is null ? exchange!.Begin(response) : exchange!.Respond(response);
            if (step is SaslStep.CheckPassword check)
            {
                wasAccepted = check.Password == Password;
                Check.That(check.User.Length > 0 && check.Password.Length > 0, "a question is complete");
                Check.That(!check.User.Contains('\0', StringComparison.Ordinal), "without NUL");
                step = exchange.Answer(
                    wasAccepted ? new SaslAnswer.PasswordAccepted(Identity) : new SaslAnswer.PasswordRefused());
            }
            else if (step is SaslStep.FindKeys)
            {
                step = exchange.Answer(new SaslAnswer.Keys(Keys, null));
            }

            if (step is not SaslStep.Challenge)
            {
                break;
            }
        }

        Check.That(step is not SaslStep.Succeeded || wasAccepted, "nobody gets in who was not let in");
    }
}
