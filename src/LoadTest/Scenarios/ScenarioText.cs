using System.Globalization;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>A scenario in words, with what it adds up to.</summary>
public static class ScenarioText
{
    /// <summary>Messages a minute that a MailCluster gateway takes from one address by default.</summary>
    private const double RateLimit = 600;

    /// <summary>Connections that it takes at once from one address by default.</summary>
    private const int ConnectionLimit = 20;

    public static IEnumerable<string> Explain(Scenario scenario)
    {
        yield return $"{scenario.Name}: {(scenario.About.Length > 0 ? scenario.About : "(nothing is said about it)")}";
        yield return $"It runs for {DurationText.Say(scenario.Duration)}, with the seed {scenario.Seed}.";
        foreach (var target in scenario.Targets)
        {
            yield return $"Against {Say(target)}.";
        }

        var users = scenario.Users;
        yield return Invariant(
            $"{users.Count:N0} users of {users.Tenants:N0} tenants, as {string.Format(CultureInfo.InvariantCulture, users.Name, 1)}@{string.Format(CultureInfo.InvariantCulture, users.Domain, 1)}; ")
            + (users.Makes ? "made before the run by the admin API." : "they must be there already.");
        yield return scenario.Sources.Addresses == 0
            ? "All connections come from the address that the system chooses."
            : Invariant($"Connections come from {scenario.Sources.Addresses:N0} addresses in turn, from {scenario.Sources.First} on.");
        if (scenario.Sources.Proxied > 0)
        {
            yield return Invariant(
                $"A PROXY v2 header names one of {scenario.Sources.Proxied:N0} sources: the server must take it from these addresses.");
        }

        yield return $"Sizes: {Say(scenario.Sizes)}";
        foreach (var client in scenario.Clients)
        {
            yield return $"- {client.Name}: {Say(client, scenario)}";
        }

        foreach (var advice in Advice(scenario))
        {
            yield return advice;
        }

        yield return scenario.Checks
            ? "At the end every mailbox is read and compared with the ledger."
            : "Nothing is compared at the end: the server is known to throw mail away.";
    }

    private static IEnumerable<string> Advice(Scenario scenario)
    {
        var sources = Math.Max(Math.Max(scenario.Sources.Addresses, scenario.Sources.Proxied), 1);
        var inbound = scenario.Clients.Where(client => client.Kind == ClientKind.Inbound).ToArray();
        var perMinute = inbound.Sum(client => Mean(client.Arrivals!)) * 60 / sources;
        if (perMinute > RateLimit * 0.9)
        {
            yield return Invariant(
                $"Note: {perMinute:N0} messages a minute come from each source; a MailCluster gateway refuses more than {RateLimit} unless MessageRateLimit is set. More \"addresses\" of \"sources\" help.");
        }

        var permanent = scenario.Clients
            .Where(client => client.Kind != ClientKind.Pop3 && !client.IdlesInPop3).Sum(client => client.Count);
        if (permanent / (double)sources > ConnectionLimit * 0.9)
        {
            yield return Invariant(
                $"Note: {permanent / sources:N0} connections stay open from each source; a MailCluster gateway takes {ConnectionLimit} unless MaxInboundConnectionPerSource is set. More \"addresses\" of \"sources\" help.");
        }
    }

    private static string Say(Target target) => string.Join(", ", new (string Name, object? Place)[]
    {
        ("SMTP", target.Smtp), ("submission", target.Submission), ("submission under TLS", target.Submissions),
        ("POP3", target.Pop3), ("POP3 under TLS", target.Pop3s), ("admin", target.Admin),
    }.Where(service => service.Place is not null).Select(service => $"{service.Name} {service.Place}"));

    private static string Say(SizePlan sizes)
    {
        var mean = new SizeDistribution(sizes).Mean;
        return Invariant(
            $"{sizes.Bins.Length} bins up to {sizes.Bins[^1].UpTo:N0} octets, {mean:N0} on average; source: {sizes.Source}.");
    }

    private static string Say(ClientPlan client, Scenario scenario)
    {
        var tls = client.Tls switch
        {
            0 => "without TLS",
            1 => "under TLS",
            var share => Invariant($"{share * 100:0.#} % under TLS"),
        };
        return client.Kind switch
        {
            ClientKind.Idle => Invariant(
                $"{client.Count:N0} connections of {(client.IdlesInPop3 ? "POP3" : "SMTP")} that say nothing after the greeting."),
            ClientKind.Slow => Invariant(
                $"{client.Count:N0} senders whose bodies come at {client.OctetsPerSecond:0.#} octets a second and never end."),
            ClientKind.Hostile => $"attackers, {Say(client.Arrivals!)}.",
            ClientKind.Pop3 => Invariant(
                $"users who look for mail, {Say(client.Arrivals!)}, {tls}; up to {client.RetrieveMax} messages each, {client.Delete * 100:0.#} % of them removed, {client.Abandon * 100:0.#} % of the sessions end without QUIT."),
            _ => Invariant(
                $"{(client.Kind == ClientKind.Inbound ? "mail from strangers" : "mail of users who log in")}, {Say(client.Arrivals!)}, {Use(client)}, {tls}, 1 to {client.RecipientsMax} recipients, {new SizeDistribution(client.Sizes ?? scenario.Sizes).Mean:N0} octets on average."),
        };
    }

    private static string Use(ClientPlan client) => client.Connections == ConnectionUse.Each
        ? "a connection for each message"
        : Invariant($"over {client.Count:N0} connections that are kept{(client.Pipelines ? ", commands sent ahead" : "")}");

    private static string Say(ArrivalPlan plan)
    {
        var rates = plan.Steps.Length == 1
            ? Invariant($"{plan.Steps[0].Rate:0.###} a second")
            : string.Join(", then ", plan.Steps.Select(step => Invariant($"{step.Rate:0.###} a second")));
        return plan.Kind switch
        {
            ArrivalKind.Even => $"{rates}, evenly",
            ArrivalKind.Bursts => Invariant($"{rates} in bursts of {plan.Burst:N0}"),
            _ => $"{rates} at random (Poisson)",
        };
    }

    private static double Mean(ArrivalPlan plan) =>
        plan.Steps.Sum(step => step.Rate * step.For.TotalSeconds) / plan.Steps.Sum(step => step.For.TotalSeconds);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
