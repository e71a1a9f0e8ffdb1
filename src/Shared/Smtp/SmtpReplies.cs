using System.Diagnostics;

namespace MailCluster.Shared.Smtp;

/// <summary>
/// Every reply that never varies, as the effect that says it. Enhanced codes: RFC 3463 and its registry (RFC 5248).
/// </summary>
internal static class SmtpReplies
{
    // 2yz
    public static readonly SmtpEffect.Reply Ok = Of(250, "2.0.0", "OK");
    public static readonly SmtpEffect.Reply SenderOk = Of(250, "2.1.0", "Sender OK");
    public static readonly SmtpEffect.Reply RecipientOk = Of(250, "2.1.5", "Recipient OK");
    public static readonly SmtpEffect.Reply NotVerified =
        Of(252, "2.0.0", "Cannot verify, but will accept a message and attempt delivery");
    public static readonly SmtpEffect.Reply NotExpanded =
        Of(252, "2.0.0", "Cannot expand, but will accept a message and attempt delivery");
    public static readonly SmtpEffect.Reply ReadyForTls = Of(220, "2.0.0", "Ready to start TLS");
    public static readonly SmtpEffect.Reply Bye = Of(221, "2.0.0", "Closing connection");
    public static readonly SmtpEffect.Reply Authenticated = Of(235, "2.7.0", "Authentication succeeded");

    // 3yz: no enhanced code (RFC 2034 §3)
    public static readonly SmtpEffect.Reply StartInput = Of(354, null, "Start mail input; end with <CRLF>.<CRLF>");
    public static readonly SmtpEffect.Reply EmptyChallenge = Of(334, null, string.Empty);

    // Syntax and sequence: counted (OXSMTP-EV-11)
    public static readonly SmtpEffect.Reply LineTooLong = Of(500, "5.5.2", "Line too long");
    public static readonly SmtpEffect.Reply BareLineFeed = Of(500, "5.5.2", "Lines end in CRLF");
    public static readonly SmtpEffect.Reply BadSyntax = Of(500, "5.5.2", "Syntax error");
    public static readonly SmtpEffect.Reply UnknownCommand = Of(500, "5.5.1", "Command not recognized");
    public static readonly SmtpEffect.Reply SaslLineTooLong =
        Of(500, "5.5.6", "Authentication exchange line is too long");
    public static readonly SmtpEffect.Reply BadArguments = Of(501, "5.5.4", "Syntax error in parameters or arguments");
    public static readonly SmtpEffect.Reply BadSender = Of(501, "5.1.7", "Bad sender address syntax");
    public static readonly SmtpEffect.Reply BadRecipient = Of(501, "5.1.3", "Bad recipient address syntax");
    public static readonly SmtpEffect.Reply BadBase64 = Of(501, "5.5.2", "Cannot decode response");
    public static readonly SmtpEffect.Reply BadSaslResponse = Of(501, "5.5.2", "Response does not fit the mechanism");
    public static readonly SmtpEffect.Reply SaslCancelled = Of(501, "5.7.0", "Authentication cancelled");
    public static readonly SmtpEffect.Reply NotImplemented = Of(502, "5.5.1", "Command not implemented");
    public static readonly SmtpEffect.Reply BadSequence = Of(503, "5.5.1", "Bad sequence of commands");
    public static readonly SmtpEffect.Reply BinaryNeedsChunks = Of(503, "5.5.1", "BODY=BINARYMIME needs BDAT");
    public static readonly SmtpEffect.Reply AlreadyAuthenticated = Of(503, "5.5.1", "Already authenticated");
    public static readonly SmtpEffect.Reply UnknownMechanism = Of(504, "5.5.4", "Unrecognized authentication type");
    public static readonly SmtpEffect.Reply UnknownParameter =
        Of(555, "5.5.4", "Parameters not recognized or not implemented");

    // Policy
    public static readonly SmtpEffect.Reply AuthenticationRequired = Of(530, "5.7.0", "Authentication required");
    public static readonly SmtpEffect.Reply BadCredentials = Of(535, "5.7.8", "Authentication credentials invalid");
    public static readonly SmtpEffect.Reply EncryptionRequired =
        Of(538, "5.7.11", "Encryption required for requested authentication mechanism");

    public static readonly SmtpEffect.Reply AuthenticationUnavailable =
        Of(454, "4.7.0", "Temporary authentication failure");
    public static readonly SmtpEffect.Reply Utf8SenderNotDeclared = Of(553, "5.6.7", "Address needs SMTPUTF8");
    public static readonly SmtpEffect.Reply UnknownUser = Of(550, "5.1.1", "User unknown");
    public static readonly SmtpEffect.Reply DisabledUser = Of(550, "5.2.1", "Mailbox disabled");
    public static readonly SmtpEffect.Reply MailboxFull = Of(452, "4.2.2", "Mailbox full, try again later");
    public static readonly SmtpEffect.Reply MailboxFullForGood = Of(552, "5.2.2", "Mailbox full");
    public static readonly SmtpEffect.Reply RelayDenied = Of(550, "5.7.1", "Unable to relay");
    public static readonly SmtpEffect.Reply StoreUnavailable =
        Of(451, "4.3.0", "Temporarily unavailable, try again later");
    public static readonly SmtpEffect.Reply OutOfResources = Of(452, "4.3.1", "Insufficient system resources");
    public static readonly SmtpEffect.Reply TooManyRecipients = Of(452, "4.5.3", "Too many recipients");
    public static readonly SmtpEffect.Reply MessageTooBig =
        Of(552, "5.3.4", "Message size exceeds fixed maximum message size");
    public static readonly SmtpEffect.Reply HeaderTooBig = Of(552, "5.3.4", "Header size exceeds fixed maximum size");
    public static readonly SmtpEffect.Reply TooManyHops = Of(554, "5.4.6", "Hop count exceeded - possible mail loop");
    public static readonly SmtpEffect.Reply NoValidRecipients = Of(554, "5.5.1", "No valid recipients");

    // The end
    public static readonly SmtpEffect.Reply TooManyErrors = Of(421, "4.7.0", "Too many errors, closing connection");
    public static readonly SmtpEffect.Reply TooManyLogonFailures =
        Of(421, "4.7.0", "Too many failed logins, closing connection");
    public static readonly SmtpEffect.Reply LostSynchronisation =
        Of(421, "4.7.0", "Chunk size out of range, closing connection");
    public static readonly SmtpEffect.Reply RateExceeded =
        Of(421, "4.4.2", "Message submission rate exceeded, try again later");
    public static readonly SmtpEffect.Reply UserNotAllowed = Of(421, "4.3.2", "Service not available");

    private static readonly SmtpEffect.Reply TimedOut = Of(421, "4.4.2", "Timeout, closing connection");
    private static readonly SmtpEffect.Reply ServerFault = Of(421, "4.3.0", "Internal error, closing connection");
    private static readonly SmtpEffect.Reply Draining = Of(421, "4.3.2", "Service shutting down, try again later");
    private static readonly SmtpEffect.Reply GreetingTooMany =
        Of(421, "4.3.2", "Too many connections, try again later");
    private static readonly SmtpEffect.Reply GreetingTooManyFromSource =
        Of(421, "4.3.2", "Too many connections from your address, try again later");
    private static readonly SmtpEffect.Reply GreetingNotAvailable =
        Of(421, "4.4.2", "Service not available, try again later");
    private static readonly SmtpEffect.Reply GreetingNotAllowed =
        Of(550, "5.7.1", "Connections from your address are not accepted");

    public static SmtpEffect.Reply ShuttingDown => Draining;

    /// <summary>
    /// 500..504 and 555 (RFC 5321 §4.2.2): the client did not follow the protocol. Policy refusals are not errors.
    /// </summary>
    public static bool IsProtocolError(SmtpReply reply) => reply.Code is (>= 500 and <= 504) or 555;

    public static SmtpEffect.Reply ForGreeting(SmtpGreetingRefusal why) => why switch
    {
        SmtpGreetingRefusal.TooManyConnections => GreetingTooMany,
        SmtpGreetingRefusal.TooManyConnectionsFromSource => GreetingTooManyFromSource,
        SmtpGreetingRefusal.BindingNotConfigured => UserNotAllowed,
        SmtpGreetingRefusal.NotAvailable => GreetingNotAvailable,
        SmtpGreetingRefusal.Draining => Draining,
        SmtpGreetingRefusal.OutOfResources => OutOfResources,
        SmtpGreetingRefusal.AddressNotAllowed => GreetingNotAllowed,
        _ => throw new UnreachableException(),
    };

    public static ConnectionEndReason EndReason(SmtpGreetingRefusal why) => why switch
    {
        SmtpGreetingRefusal.BindingNotConfigured or SmtpGreetingRefusal.AddressNotAllowed =>
            ConnectionEndReason.NotAllowed,
        SmtpGreetingRefusal.NotAvailable => ConnectionEndReason.ServerFault,
        SmtpGreetingRefusal.Draining => ConnectionEndReason.Draining,
        _ => ConnectionEndReason.LimitExceeded,
    };

    /// <summary>The last words when the shell ends a session; null when the client is gone or does not read.</summary>
    public static SmtpEffect.Reply? ForEnd(ConnectionEndReason why) => why switch
    {
        ConnectionEndReason.Inactivity or ConnectionEndReason.ConnectionTimeout => TimedOut,
        ConnectionEndReason.Draining => Draining,
        ConnectionEndReason.ServerFault => ServerFault,
        ConnectionEndReason.LimitExceeded => GreetingNotAvailable,
        ConnectionEndReason.NotAllowed => UserNotAllowed,
        _ => null,
    };

    private static SmtpEffect.Reply Of(int code, string? enhanced, string text) =>
        new(new SmtpReply(code, enhanced, text));
}
