using System.Text.Json.Nodes;
using System.Xml.Linq;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Compose;

public sealed class ComposeTests
{
    private static readonly JsonSchema Schema = JsonSchema.Load("tests/schemas/compose-spec.json");

    private static readonly JsonObject File = YamlText.Document(Repository.Read("docker-compose.yml"));

    private static IEnumerable<(string Name, JsonObject Service)> Services =>
        File["services"]!.AsObject().Select(pair => (pair.Key, pair.Value!.AsObject()));

    private static IEnumerable<(string Name, JsonObject Service)> Nodes =>
        Services.Where(pair => pair.Service["image"].Text().StartsWith("mailcluster:", StringComparison.Ordinal));

    [Fact]
    public void The_file_is_valid() => Assert.Equal([], Schema.Check(File, Schema.Root));

    [Fact]
    public void A_typo_in_any_field_of_a_service_a_network_or_the_file_is_caught()
    {
        var parents = Services.Select(pair => pair.Service).Append(File)
            .Concat(Services.Select(pair => pair.Service["healthcheck"]).OfType<JsonObject>())
            .Concat(File["networks"]!.AsObject().Select(pair => pair.Value!.AsObject())).ToList();
        var planted = 0;
        foreach (var parent in parents)
        {
            foreach (var key in parent.Keys().Where(key => !key.StartsWith("x-", StringComparison.Ordinal)).ToList())
            {
                var value = parent[key];
                parent.Remove(key);
                parent[key + "x"] = value;
                Assert.NotEmpty(Schema.Check(File, Schema.Root));
                parent.Remove(key + "x");
                parent[key] = value;
                planted++;
            }
        }

        Assert.InRange(planted, 80, 1000);
    }

    [Fact]
    public void Every_image_has_a_tag_that_stays_what_it_is()
    {
        var version = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value;
        foreach (var image in Services.Select(pair => pair.Service["image"].Text()))
        {
            Assert.Matches("^[a-z/.-]+:v?[0-9]+[.][0-9]+([.][0-9]+)?(-[a-z]+)?$", image);
        }

        Assert.All(Nodes, pair => Assert.Equal($"mailcluster:{version}", pair.Service["image"].Text()));
    }

    [Fact]
    public void Three_nodes_take_the_configuration_each_under_a_name_of_its_own()
    {
        var names = new HashSet<string>();
        foreach (var (name, service) in Nodes)
        {
            var environment = service["environment"]!.AsObject()
                .Select(pair => KeyValuePair.Create(pair.Key, pair.Value.Text())).ToList();
            Assert.All(environment, pair => Assert.NotNull(ProgramOptions.KeyOf(pair.Key)));
            var options = ProgramOptions.Load(Repository.Read("deploy/compose/mailcluster.json"), environment);

            Assert.True(names.Add(options.Node.Name));
            Assert.Equal($"{name}:7000", options.Node.AdvertisedAddress);
            Assert.Equal(name, service["hostname"].Text());
            Assert.Contains($"{name}:{options.Node.DataDirectory}", service["volumes"].Items().Select(item =>
                item.Text()));
            Assert.Equal(Frontend.Options.StoreKind.PostgreSql, options.Store.Kind);
            Assert.DoesNotContain("Password", options.Store.ConnectionString, StringComparison.OrdinalIgnoreCase);
            var balancer = File["services"]!["haproxy"]!["networks"]!["edge"]!["ipv4_address"].Text();
            Assert.All(
                options.Smtp.Bindings.Select(binding => binding.ProxyProtocolFrom)
                    .Concat(options.Pop3.Bindings.Select(binding => binding.ProxyProtocolFrom)),
                ranges => Assert.Equal($"{balancer}/32", Assert.Single(ranges).ToString()));
            Assert.Equal("12m", service["stop_grace_period"].Text());
            Assert.True(options.Node.DrainTimeout < TimeSpan.FromMinutes(12));
        }

        Assert.Equal(3, names.Count);
    }

    [Fact]
    public void Haproxy_reaches_the_nodes_over_one_network_so_that_it_has_one_address()
    {
        var balancer = File["services"]!["haproxy"]!["networks"].Keys().ToList();

        Assert.All(Nodes, pair => Assert.Single(
            pair.Service["networks"].Items(), network => balancer.Contains(network.Text())));
    }

    [Fact]
    public void What_a_service_names_is_declared_and_what_is_declared_is_used()
    {
        foreach (var section in new[] { "volumes", "networks", "secrets", "configs" })
        {
            var used = Services.SelectMany(pair => UsesOf(pair.Service, section)).Distinct().Order();
            Assert.Equal(File[section].Keys().Order(), used);
        }

        Assert.All(Services.SelectMany(pair => pair.Service["depends_on"] is JsonArray list
            ? list.Select(item => item.Text()) : pair.Service["depends_on"].Keys()), name =>
                Assert.NotNull(File["services"]![name]));
    }

    [Fact]
    public async Task Every_secret_is_made_by_the_script_and_is_kept_by_a_second_run()
    {
        var directory = Directory.CreateTempSubdirectory("mailcluster-deploy-");
        try
        {
            var first = await Tool.RunAsync("bash", "deploy/compose/secrets.sh", directory.FullName);
            Assert.True(first.ExitCode == 0, first.Output);
            var made = Directory.GetFiles(directory.FullName).ToDictionary(path =>
                Path.GetFileName(path)!, System.IO.File.ReadAllText);

            Assert.Equal(File["secrets"]!.AsObject().Select(pair =>
                Path.GetFileName(pair.Value!["file"].Text())).Order(), made.Keys.Order());
            Assert.Matches("^[A-Za-z0-9]{40}$", made["postgres_password"]);
            Assert.Equal($"postgres:5432:mailcluster:mailcluster:{made["postgres_password"]}\n", made["pgpass"]);
            Assert.NotEqual(made["postgres_password"], made["grafana_password"]);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
                System.IO.File.GetUnixFileMode(directory.FullName));
            await Tool.RunAsync("bash", "deploy/compose/secrets.sh", directory.FullName);
            Assert.All(made, pair => Assert.Equal(
                pair.Value, System.IO.File.ReadAllText(Path.Combine(directory.FullName, pair.Key))));
        }
        finally
        {
            directory.Delete(recursive: true);
        }

        // Never committed.
        Assert.Contains("/deploy/compose/secrets/\n", Repository.Read(".gitignore"), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_and_folders_that_are_mounted_exist()
    {
        var mounted = Services.SelectMany(pair => pair.Service["volumes"].Items()).Select(item =>
            item.Text().Split(':')[0])
            .Where(path => path.StartsWith('.')).Concat(File["configs"]!.AsObject().Select(pair =>
                pair.Value!["file"].Text()));

        Assert.All(mounted, path => Assert.True(
            System.IO.File.Exists(Repository.PathOf(path)) || Directory.Exists(Repository.PathOf(path)), path));
    }

    [Fact]
    public void Postgresql_is_as_durable_as_it_can_be_alone_and_asked_by_tcp_whether_it_is_there()
    {
        var postgres = File["services"]!["postgres"]!;
        var command = postgres["command"].Items().Select(item => item.Text()).ToList();
        Assert.Subset(new HashSet<string>(command), new HashSet<string> { "fsync=on", "synchronous_commit=on",
            "full_page_writes=on" });
        Assert.Contains("--host=127.0.0.1", postgres["healthcheck"]!["test"].Items().Select(item => item.Text()));
        Assert.All(Nodes, pair => Assert.Equal("service_healthy",
            pair.Service["depends_on"]!["postgres"]!["condition"].Text()));
    }

    private static IEnumerable<string> UsesOf(JsonObject service, string section) => service[section] switch
    {
        JsonObject members => members.Keys(),
        JsonArray items when section == "volumes" => items.Select(item => item.Text().Split(':')[0]).Where(name =>
            !name.StartsWith('.')),
        JsonArray items => items.Select(item => item is JsonObject entry ? entry["source"].Text() : item.Text()),
        _ => [],
    };
}
