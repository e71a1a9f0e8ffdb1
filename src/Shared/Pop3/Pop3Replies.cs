namespace MailCluster.Shared.Pop3;

/// <summary>
/// All texts of the server. Fixed per case, so that nothing of the client's input and nothing of the server's inside is
/// ever repeated. Response codes: RFC 2449 §8, RFC 3206, RFC 6856 §5.
/// </summary>
public static class Pop3Replies
{
    /// <summary>Instead of the greeting: the node drains.</summary>
    public static readonly Pop3Reply Draining = new(false, "[SYS/TEMP] Server is going down, closing connection");

    /// <summary>Instead of the greeting: a limit of connections is reached.</summary>
    public static readonly Pop3Reply TooManyConnections =
        new(false, "[SYS/TEMP] Too many connections, closing connection");

    /// <summary>Instead of the greeting: whether a limit is reached cannot be told now.</summary>
    public static readonly Pop3Reply NotAvailable = new(false, "[SYS/TEMP] Not available now, closing connection");

    internal static readonly Pop3Effect.Reply Ok = Good(string.Empty);
    internal static readonly Pop3Effect.Reply UserAccepted = Good("Send PASS");
    internal static readonly Pop3Effect.Reply LoggedIn = Good("Maildrop open");
    internal static readonly Pop3Effect.Reply BeginTls = Good("Begin TLS");
    internal static readonly Pop3Effect.Reply Utf8Enabled = Good("UTF8 enabled");
    internal static readonly Pop3Effect.Reply ListingFollows = Good("Listing follows");
    internal static readonly Pop3Effect.Reply Marked = Good("Marked for deletion");
    internal static readonly Pop3Effect.Reply Unmarked = Good("Marks removed");
    internal static readonly Pop3Effect.Reply Goodbye = Good("Bye");
    internal static readonly Pop3Reply MessageFollows = new(true, "Message follows");

    internal static readonly Pop3Effect.Reply UnknownCommand = Bad("Unknown command");
    internal static readonly Pop3Effect.Reply WrongState = Bad("Command is not valid in this state");
    internal static readonly Pop3Effect.Reply Syntax = Bad("Syntax error in arguments");
    internal static readonly Pop3Effect.Reply NoArgumentsWanted = Bad("Command takes no arguments");
    internal static readonly Pop3Effect.Reply LineTooLong = Bad("Line too long");
    internal static readonly Pop3Effect.Reply BareLineFeed = Bad("Lines end in CRLF");
    internal static readonly Pop3Effect.Reply TooManyErrors = Bad("Too many errors, closing connection");

    internal static readonly Pop3Effect.Reply NoSuchMessage = Bad("No such message");
    internal static readonly Pop3Effect.Reply MessageIsMarked = Bad("Message is marked for deletion");
    internal static readonly Pop3Effect.Reply NeedsUtf8 = Bad("[UTF8] Message needs UTF8 mode");
    internal static readonly Pop3Effect.Reply MessageGone = Bad("Message was removed by another session");
    internal static readonly Pop3Effect.Reply MessageUnavailable = Bad("[SYS/TEMP] Message is not available now");

    internal static readonly Pop3Effect.Reply PlainTextRefused =
        Bad("Plain text login is not permitted on this connection");
    internal static readonly Pop3Effect.Reply UserFirst = Bad("USER first");
    internal static readonly Pop3Effect.Reply LoginFailed = Bad("[AUTH] Login failed");
    internal static readonly Pop3Effect.Reply LoginUnavailable = Bad("[SYS/TEMP] Login is not possible now");
    internal static readonly Pop3Effect.Reply MaildropInUse = Bad("[IN-USE] Too many sessions of this user");
    internal static readonly Pop3Effect.Reply UnknownMechanism = Bad("Unknown authentication mechanism");
    internal static readonly Pop3Effect.Reply MechanismRefused = Bad("Mechanism is not permitted on this connection");
    internal static readonly Pop3Effect.Reply AuthenticationCancelled = Bad("Authentication cancelled");
    internal static readonly Pop3Effect.Reply MalformedResponse = Bad("Malformed authentication response");
    internal static readonly Pop3Effect.Reply TlsNotOffered = Bad("TLS is not available");
    internal static readonly Pop3Effect.Reply TlsAlreadyActive = Bad("TLS is active already");
    internal static readonly Pop3Effect.Reply NoApop = Bad("APOP is not supported");

    internal static readonly Pop3Effect.Reply NotRemoved = Bad("[SYS/TEMP] some deleted messages not removed");

    private static readonly Pop3Effect.Reply InactivityClosing = Bad("Inactivity time-out, closing connection");
    private static readonly Pop3Effect.Reply DrainingClosing = new(Draining);
    private static readonly Pop3Effect.Reply FaultClosing = Bad("[SYS/TEMP] Internal error, closing connection");
    private static readonly Pop3Effect.Reply LimitClosing = new(TooManyConnections);

    /// <summary>
    /// The last line of a session that is ended from outside (STANXPOP3-V0003); null when nobody can read one.
    /// </summary>
    internal static Pop3Effect.Reply? ForEnd(ConnectionEndReason why) => why switch
    {
        ConnectionEndReason.Inactivity or ConnectionEndReason.ConnectionTimeout => InactivityClosing,
        ConnectionEndReason.Draining => DrainingClosing,
        ConnectionEndReason.ServerFault => FaultClosing,
        ConnectionEndReason.LimitExceeded or ConnectionEndReason.NotAllowed => LimitClosing,
        ConnectionEndReason.ProtocolErrors or ConnectionEndReason.LogonFailures => TooManyErrors,
        _ => null,
    };

    private static Pop3Effect.Reply Good(string text) => new(new Pop3Reply(true, text));

    private static Pop3Effect.Reply Bad(string text) => new(new Pop3Reply(false, text));
}
