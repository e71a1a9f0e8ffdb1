namespace MailCluster.Frontend.Conformance;

/// <summary>MS-OXSMTP 2.2.1 and 3.2.5.1, and RFC 4954.</summary>
internal static class SaslProbes
{
    /// <summary>Mechanisms whose client speaks first, and that are started without an initial response.</summary>
    private static readonly string[] ClientFirst = ["NTLM", "GSSAPI"];

    public static IEnumerable<Probe> All =>
    [
        new("OXSMTP-SASL-01", FormatAsync),
        new("OXSMTP-SASL-02", MechanismAsync),
        new("OXSMTP-SASL-03", EmptyChallengeAsync),
        new("OXSMTP-SASL-06", NtlmAsync),
        new("OXSMTP-SASL-07", PlainAsync),
        new("EX07-RFC-4954", AuthAsync),
    ];

    private static Task<Finding> FormatAsync(Visit visit) => JudgeAsync(
        visit, mechanism => mechanism, (mechanism, line) => line == $"334 {mechanism} supported");

    private static Task<Finding> MechanismAsync(Visit visit) => JudgeAsync(
        visit, mechanism => mechanism.ToLowerInvariant(), (mechanism, line) => line == $"334 {mechanism} supported");

    private static Task<Finding> EmptyChallengeAsync(Visit visit) => JudgeAsync(
        visit, mechanism => mechanism,
        (mechanism, line) => line.StartsWith($"334 {mechanism} ", StringComparison.Ordinal));

    private static async Task<Finding> JudgeAsync(
        Visit visit, Func<string, string> write, Func<string, string, bool> isRight)
    {
        await using var peer = await visit.SecuredAsync();
        var offered = ClientFirst.Where(name => peer.Mechanisms.Contains(name, StringComparer.OrdinalIgnoreCase))
            .ToArray();
        if (offered.Length == 0)
        {
            var refused = await peer.AskAsync("AUTH NTLM");
            return Finding.Fail($"neither NTLM nor GSSAPI is offered; AUTH NTLM: {refused}");
        }

        var checks = new Checks();
        foreach (var mechanism in offered)
        {
            var reply = await peer.AskAsync($"AUTH {write(mechanism)}");
            checks.Must(reply.Lines.Count == 1 && isRight(mechanism, reply.First),
                $"AUTH {write(mechanism)}: {(reply.Lines.Count > 0 ? reply.First : reply)}");
            if (reply.Code == 334)
            {
                await peer.AskAsync("*");
            }
        }

        return checks.Finding();
    }

    /// <summary>The example of MS-OXSMTP 4, up to Type 2: what Type 3 would say is the user's.</summary>
    private static async Task<Finding> NtlmAsync(Visit visit)
    {
        await using var peer = await visit.SecuredAsync();
        var first = await peer.AskAsync("AUTH NTLM");
        if (first.Code != 334)
        {
            return Finding.Fail($"AUTH NTLM: {first}");
        }

        var checks = new Checks();
        checks.Must(first.First == "334 NTLM supported", $"AUTH NTLM: {first.First}");
        var second = await peer.AskAsync(SaslText.NtlmType1);
        var isType2 = second.Code == 334 && second.First.Length > 4 && SaslText.IsNtlmType2(second.First[4..]);
        checks.Must(isType2, isType2 ? "Type 1: 334 and a Type 2" : $"Type 1: {second}, no Type 2");
        var cancelled = await peer.AskAsync("*");
        checks.Must(cancelled.Code == 501, $"*: {cancelled}");
        var noop = await peer.AskAsync("NOOP");
        checks.Must(noop.Code == 250, $"NOOP: {noop}");
        return checks.Finding();
    }

    private static async Task<Finding> PlainAsync(Visit visit)
    {
        await using var peer = await visit.SecuredAsync();
        if (!peer.Mechanisms.Contains("PLAIN", StringComparer.OrdinalIgnoreCase))
        {
            return Finding.NotObservable("AUTH PLAIN is not offered");
        }

        var reply = await peer.AskAsync("AUTH PLAIN");
        return reply.First switch
        {
            "334 " or "334" => Finding.Pass("AUTH PLAIN: an empty 334"),
            "334 PLAIN supported" => Finding.Partly("AUTH PLAIN: 334 PLAIN supported"),
            _ => Finding.Fail($"AUTH PLAIN: {reply}"),
        };
    }

    /// <summary>RFC 4954 §4, §6.</summary>
    private static async Task<Finding> AuthAsync(Visit visit)
    {
        await using var peer = await visit.SecuredAsync();
        if (!peer.Mechanisms.Contains("PLAIN", StringComparer.OrdinalIgnoreCase))
        {
            return peer.Offers("AUTH")
                ? Finding.NotRun("AUTH PLAIN is not offered")
                : Finding.Fail("AUTH is not announced");
        }

        var checks = new Checks();
        var bad = await peer.AskAsync("AUTH PLAIN not-base64!");
        checks.Must(bad.Code == 501, $"bad base64: {bad}");
        await peer.AskAsync("AUTH PLAIN");
        var cancelled = await peer.AskAsync("*");
        checks.Must(cancelled.Code == 501, $"*: {cancelled}");
        var wrong = await peer.AskAsync($"AUTH PLAIN {SaslText.Plain("nobody@example.invalid", "wrong")}");
        checks.Must(wrong.Code == 535, $"wrong password: {wrong}");
        checks.Should(wrong.Enhanced is null or "5.7.8", $"its code: {wrong}");
        if (visit.Target is not { User: { } user, Password: { } password })
        {
            checks.Untried("a login: give --user and --password-stdin");
            return checks.Finding();
        }

        var right = await peer.AskAsync($"AUTH PLAIN {SaslText.Plain(user, password)}");
        checks.Must(right.Code == 235, $"right password: {right}");
        var again = await peer.AskAsync($"AUTH PLAIN {SaslText.Plain(user, password)}");
        checks.Must(again.Code == 503, $"AUTH again: {again}");
        var mail = await peer.AskAsync($"MAIL FROM:<{user}> AUTH=<>");
        checks.Must(mail.Code == 250, $"MAIL with AUTH=: {mail}");
        return checks.Finding();
    }
}
