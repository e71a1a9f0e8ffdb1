namespace MailCluster.Shared.Smtp;

/// <summary>The "with" of Received: (RFC 3848 §2; RFC 6531 §4.3 for SMTPUTF8).</summary>
internal static class SmtpProtocolName
{
    public static string Of(bool isExtended, bool isTls, bool isAuthenticated, bool isUtf8) =>
        (isExtended, isUtf8, isTls, isAuthenticated) switch
        {
            (false, _, _, _) => "SMTP",
            (_, false, false, false) => "ESMTP",
            (_, false, true, false) => "ESMTPS",
            (_, false, false, true) => "ESMTPA",
            (_, false, true, true) => "ESMTPSA",
            (_, true, false, false) => "UTF8SMTP",
            (_, true, true, false) => "UTF8SMTPS",
            (_, true, false, true) => "UTF8SMTPA",
            (_, true, true, true) => "UTF8SMTPSA",
        };
}
