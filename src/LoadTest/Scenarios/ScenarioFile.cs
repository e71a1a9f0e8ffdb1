using System.Collections.Immutable;
using System.Text.Json;

namespace MailCluster.LoadTest.Scenarios;

/// <summary>A scenario as JSON with comments and trailing commas. All faults of a file are said at once.</summary>
public static class ScenarioFile
{
    /// <summary>A client of a run may have at most so many connections or operations at once.</summary>
    public const int CountMax = 1_000_000;

    private const int UsersMax = 1_000_000;
    private const int SizeMax = 64 * 1024 * 1024;

    private static readonly JsonDocumentOptions Relaxed = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    public static Scenario Read(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadFaultException(
                $"{path} cannot be read: {exception.Message} Scenarios to begin with are in scenarios/.");
        }

        return Parse(text, path);
    }

    /// <param name="name">Names the text in messages.</param>
    public static Scenario Parse(string text, string name)
    {
        var faults = new List<string>();
        Scenario scenario;
        try
        {
            using var document = JsonDocument.Parse(text, Relaxed);
            scenario = Read(new ObjectReader(document.RootElement, "", faults), faults);
        }
        catch (JsonException exception)
        {
            throw new LoadFaultException(
                $"{name} is not JSON: line {exception.LineNumber + 1}, column {exception.BytePositionInLine + 1}: {exception.Message.Split(" LineNumber")[0]}");
        }

        return faults.Count == 0
            ? scenario
            : throw new LoadFaultException([$"{name} cannot be run:", .. faults.Select(fault => $"  {fault}")]);
    }

    private static Scenario Read(ObjectReader root, List<string> faults)
    {
        var duration = root.Duration("duration", null);
        var sizes = root.Object("sizes") is { } given
            ? ReadSizes(given)
            : new SizePlan("none: all the same", [new SizeBin(4096, 1)]);
        var scenario = new Scenario
        {
            Name = root.Text("name", "unnamed"),
            About = root.Text("about", ""),
            Duration = duration,
            Seed = root.Whole("seed", 1, 0, int.MaxValue),
            Checks = root.Flag("check", true),
            Targets = [.. root.Objects("targets").Select(ReadTarget)],
            Users = ReadUsers(root.Object("users")),
            Sources = ReadSources(root.Object("sources")),
            Sizes = sizes,
            Clients = [.. root.Objects("clients").Select(client => ReadClient(client, duration))],
        };
        root.End();
        if (scenario.Clients.IsEmpty)
        {
            root.Fault("clients", "must name at least one kind of client");
        }

        faults.AddRange(scenario.Clients.GroupBy(client => client.Name).Where(same => same.Count() > 1)
            .Select(same => $"clients: two are called \"{same.Key}\"; give one another \"name\"."));
        faults.AddRange(scenario.Clients.Where(client => client.Tenant > scenario.Users.Tenants)
            .Select(client => $"clients: {client.Name} is of tenant {client.Tenant}, of {scenario.Users.Tenants}."));
        return scenario;
    }

    private static Target ReadTarget(ObjectReader target)
    {
        var admin = target.Text("admin", "");
        Uri? address = null;
        if (admin.Length > 0 && (!Uri.TryCreate(admin, UriKind.Absolute, out address) || address.Scheme != "http"))
        {
            target.Fault("admin", $"must be a URL, as \"http://127.0.0.1:8080\", not \"{admin}\"");
        }

        var read = new Target
        {
            Smtp = target.Endpoint("smtp"),
            Submission = target.Endpoint("submission"),
            Submissions = target.Endpoint("submissions"),
            Pop3 = target.Endpoint("pop3"),
            Pop3s = target.Endpoint("pop3s"),
            Admin = address,
        };
        target.End();
        return read;
    }

    private static UserPlan ReadUsers(ObjectReader? users)
    {
        if (users is null)
        {
            return new UserPlan(10, 1, "user{0:0000}", "load{0}.test", null, true);
        }

        var makes = users.Flag("make", true);
        var read = new UserPlan(
            users.Whole("count", 10, 1, UsersMax), users.Whole("tenants", 1, 1, 10_000),
            Pattern(users, "name", "user{0:0000}"), Pattern(users, "domain", "load{0}.test"),
            users.Has("password") ? users.Text("password", "") : null, makes);
        if (!makes && read.Password is null)
        {
            users.Fault("password", "must be given for users that are there already, as \"pass{0:0000}\"");
        }

        if (read.Tenants > 1 && !read.Domain.Contains("{0", StringComparison.Ordinal))
        {
            users.Fault("domain", "must hold {0}, the tenant's number, when there are several tenants");
        }

        if (!read.Name.Contains("{0", StringComparison.Ordinal) && read.Count > 1)
        {
            users.Fault("name", "must hold {0}, the user's number");
        }

        if (read.Count < read.Tenants)
        {
            users.Fault("count", "must be at least one user for each tenant");
        }

        users.End();
        return read;
    }

    private static string Pattern(ObjectReader users, string key, string otherwise)
    {
        var pattern = users.Text(key, otherwise);
        try
        {
            _ = string.Format(System.Globalization.CultureInfo.InvariantCulture, pattern, 1);
            return pattern;
        }
        catch (FormatException)
        {
            users.Fault(key, $"may hold {{0}} or {{0:0000}} for a number, not \"{pattern}\"");
            return otherwise;
        }
    }

    private static SourcePlan ReadSources(ObjectReader? sources)
    {
        var read = new SourcePlan(
            sources?.Address("first", "127.1.0.1") ?? System.Net.IPAddress.Parse("127.1.0.1"),
            sources?.Whole("addresses", 0, 0, 1_000_000) ?? 0,
            sources?.Address("proxiedFirst", "10.0.0.1") ?? System.Net.IPAddress.Parse("10.0.0.1"),
            sources?.Whole("proxied", 0, 0, 10_000_000) ?? 0);
        sources?.End();
        return read;
    }

    private static SizePlan ReadSizes(ObjectReader sizes)
    {
        var bins = sizes.Pairs("histogram").Select(row => (UpTo: row.First, Weight: row.Second)).ToArray();
        var source = sizes.Text("source", "");
        var divisor = sizes.Number("divideBy", 1, 1, 1_000_000);
        if (!sizes.Has("histogram"))
        {
            sizes.Fault("histogram", "must be given, as [[1024, 0.5], [4096, 0.5]]: octets up to, and how many");
        }
        else if (bins.Any(bin => bin.UpTo < 1 || bin.UpTo > SizeMax || bin.Weight < 0)
            || bins.Zip(bins.Skip(1)).Any(pair => pair.First.UpTo >= pair.Second.UpTo)
            || (bins.Length > 0 && bins.Sum(bin => bin.Weight) <= 0))
        {
            sizes.Fault(
                "histogram", $"sizes must rise and be 1 to {SizeMax}, shares must not be below 0 nor all 0");
        }

        if (source.Length == 0 && bins.Length > 1)
        {
            sizes.Fault("source", "must say where the histogram comes from");
        }

        sizes.End();
        return new SizePlan(
            source, [.. bins.Select(bin => new SizeBin((int)Math.Clamp(bin.UpTo / divisor, 1, SizeMax), bin.Weight))]);
    }

    private static ClientPlan ReadClient(ObjectReader client, TimeSpan duration)
    {
        var kind = client.Choice("kind", ClientKind.Inbound);
        if (!client.Has("kind"))
        {
            client.Fault("kind", "must be given");
        }

        var plan = new ClientPlan
        {
            Kind = kind,
            Name = client.Text("name", kind.ToString().ToLowerInvariant()),
            Tenant = client.Whole("tenant", 0, 0, 10_000),
            Tls = client.Number("tls", kind is ClientKind.Pop3 or ClientKind.Submission ? 1 : 0, 0, 1),
        };
        var isPermanent = kind is ClientKind.Idle or ClientKind.Slow;
        if (isPermanent)
        {
            plan = plan with { Count = client.Whole("count", 1, 1, CountMax) };
        }
        else
        {
            plan = plan with
            {
                Arrivals = client.Object("arrivals") is { } arrivals ? ReadArrivals(arrivals, duration) : null,
                InFlightMax = client.Whole("inFlightMax", 10_000, 1, CountMax),
            };
            if (plan.Arrivals is null)
            {
                client.Fault("arrivals", "must be given, as { \"process\": \"poisson\", \"rate\": 10 }");
            }
        }

        plan = kind switch
        {
            ClientKind.Inbound or ClientKind.Submission => ReadSender(client, plan),
            ClientKind.Pop3 => plan with
            {
                Delete = client.Number("delete", 1, 0, 1),
                Abandon = client.Number("abandon", 0, 0, 1),
                RetrieveMax = client.Whole("retrieveMax", 10, 0, 10_000),
            },
            ClientKind.Idle => plan with { IdlesInPop3 = client.Choice("protocol", Idling.Smtp) == Idling.Pop3 },
            ClientKind.Slow => plan with { OctetsPerSecond = client.Number("octetsPerSecond", 20, 0.1, 1_000_000) },
            _ => plan,
        };
        client.End();
        return plan;
    }

    private static ClientPlan ReadSender(ObjectReader client, ClientPlan plan)
    {
        var use = client.Choice("connections", ConnectionUse.Each);
        return plan with
        {
            Connections = use,
            Count = use == ConnectionUse.Kept ? client.Whole("count", 10, 1, CountMax) : 0,
            RecipientsMax = client.Whole("recipientsMax", 1, 1, 1000),
            Pipelines = client.Flag("pipelines", true),
            Sizes = client.Object("sizes") is { } sizes ? ReadSizes(sizes) : null,
        };
    }

    private static ArrivalPlan ReadArrivals(ObjectReader arrivals, TimeSpan duration)
    {
        var kind = arrivals.Choice("process", ArrivalKind.Poisson);
        var steps = arrivals.Objects("steps").Select(step =>
        {
            var read = new ArrivalStep(step.Duration("for", null), step.Number("rate", 0, 0, 10_000_000));
            step.End();
            return read;
        }).ToImmutableArray();
        if (arrivals.Has("steps") == arrivals.Has("rate"))
        {
            arrivals.Fault("", "needs either \"rate\" (a second) or \"steps\"");
        }

        if (steps.IsEmpty)
        {
            steps = [new ArrivalStep(duration, arrivals.Number("rate", 1, 0.001, 10_000_000))];
        }

        var burst = kind == ArrivalKind.Bursts ? arrivals.Whole("burst", 10, 1, 1_000_000) : 1;
        arrivals.End();
        if (steps.All(step => step.Rate == 0))
        {
            arrivals.Fault("steps", "at least one rate must be above 0");
        }

        return new ArrivalPlan(kind, steps, burst);
    }

    private enum Idling
    {
        Smtp,
        Pop3,
    }
}
