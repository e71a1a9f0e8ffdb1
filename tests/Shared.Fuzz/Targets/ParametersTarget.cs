using MailCluster.Shared.Smtp.Grammar;
using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Fuzz.Targets;

/// <summary>
/// RFC 5321 §4.1.2, esmtp-param; RFC 1870, 6152, 6531, 4954 for the values; domains and literals on the way.
/// </summary>
public sealed class ParametersTarget : IFuzzTarget
{
    public static string Name => "parameters";

    public static void Fuzz(ReadOnlySpan<byte> input)
    {
        var cursor = new AsciiCursor(input);
        var fault = MailParameters.Parse(ref cursor, isExtended: true, offersAuth: true, out var parameters);
        Check.That(parameters.Size >= 0, "a size is not negative");
        Check.That(fault != EsmtpParameterFault.None || cursor.IsAtEnd, "all of the line was read");
        cursor = new AsciiCursor(input);
        var none = MailParameters.Parse(ref cursor, isExtended: false, offersAuth: false, out _);
        var isBlank = input.Trim((byte)' ').IsEmpty;
        Check.That(none != EsmtpParameterFault.None || isBlank, "after HELO no parameter is known");
        Check.That(!Domain.IsValid(input) || input.Length <= Domain.OctetsMax, "a domain fits");
        Check.That(!AddressLiteral.IsValid(input) || Domain.IsHeloName(input), "a literal may be said in EHLO");
    }
}
