using System.Globalization;
using System.Xml.Linq;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Kubernetes;

/// <summary>What the objects name exists: in the program, in each other, in the image.</summary>
public sealed class ReferenceTests
{
    public static TheoryData<string> Names => Overlay.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void The_program_takes_the_configuration_and_opens_the_ports_of_the_container(string name)
    {
        var overlay = new Overlay(name);
        var options = ProgramOptions.Load(overlay.Configuration, overlay.Environment());
        var ports = options.Ports().ToDictionary(
            pair => pair.Key == "gateway" ? "smtp" : pair.Key, pair => pair.Value);

        Assert.Equal(ports.OrderBy(pair => pair.Key), overlay.Ports.OrderBy(pair => pair.Key));
        Assert.Equal("10.1.2.3:7000", options.Node.AdvertisedAddress);
        Assert.StartsWith("mailcluster-0", options.Node.Name, StringComparison.Ordinal);
        Assert.Equal(Frontend.Options.StoreKind.PostgreSql, options.Store.Kind);
        Assert.Contains("mailcluster-database", options.Store.ConnectionString, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_variable_is_a_key_of_the_program_or_used_by_a_later_one(string name)
    {
        var entries = new Overlay(name).Container["env"].Items().Select(
            entry => (Name: entry["name"].Text(), Value: entry["value"].Text())).ToList();
        for (var index = 0; index < entries.Count; index++)
        {
            var variable = entries[index].Name;
            Assert.True(
                ProgramOptions.KeyOf(variable) is not null
                    || entries.Skip(index + 1).Any(entry => entry.Value.Contains($"$({variable})",
                        StringComparison.Ordinal)),
                $"{variable} is no key of the configuration and no later variable uses it");
        }

        // What a variable refers to stands above it, or it would stay as it is written.
        Assert.DoesNotContain(new Overlay(name).Environment(), pair =>
            pair.Value.Contains("$(", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Services_lead_to_ports_of_the_pod(string name)
    {
        var overlay = new Overlay(name);
        var labels = overlay.Set["spec"]!["template"]!["metadata"]!["labels"]!.AsObject();
        Assert.Equal(3, overlay.Of("Service").Count());
        foreach (var service in overlay.Of("Service"))
        {
            Assert.All(service["spec"]!["selector"]!.AsObject(),
                pair => Assert.Equal(pair.Value.Text(), labels[pair.Key].Text()));
            Assert.All(service["spec"]!["ports"].Items(), port =>
                Assert.Contains(port["targetPort"].Text(), overlay.Ports.Keys));
            Assert.All(service["spec"]!["ports"].Items(), port => Assert.Equal(
                port["name"].Text() switch
                {
                    "smtp" => 25, "submission" => 587, "submissions" => 465, "pop3" => 110, "pop3s" => 995, "links" =>
                        7000,
                    var other => throw new NotSupportedException(other),
                }, port["port"]!.GetValue<int>()));
            if (service["spec"]!["clusterIP"]?.Text() != "None")
            {
                Assert.Equal("Local", service["spec"]!["externalTrafficPolicy"].Text());
            }
        }

        Assert.Contains(overlay.Of("Service"), service => Overlay.NameOf(service) == overlay.Set["spec"]!["serviceName"]
            .Text()
            && service["spec"]!["clusterIP"].Text() == "None");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Selectors_of_budget_policy_autoscaler_and_spread_find_the_pods(string name)
    {
        var overlay = new Overlay(name);
        var labels = overlay.Set["spec"]!["template"]!["metadata"]!["labels"]!;
        var selectors = overlay.Of("PodDisruptionBudget").Select(item => item["spec"]!["selector"]!)
            .Concat(overlay.Of("NetworkPolicy").Select(item => item["spec"]!["podSelector"]!))
            .Concat(overlay.Pod["topologySpreadConstraints"].Items().Select(item => item["labelSelector"]!))
            .Append(overlay.Set["spec"]!["selector"]!);
        Assert.All(selectors, selector => Assert.All(
            selector["matchLabels"]!.AsObject(), pair => Assert.Equal(pair.Value.Text(), labels[pair.Key].Text())));
        foreach (var target in overlay.Of("HorizontalPodAutoscaler").Select(item => item["spec"]!["scaleTargetRef"]!))
        {
            Assert.Equal(overlay.Set["apiVersion"].Text(), target["apiVersion"].Text());
            Assert.Equal(overlay.Set["kind"].Text(), target["kind"].Text());
            Assert.Equal(Overlay.NameOf(overlay.Set), target["name"].Text());
            // A number in the set would undo what the autoscaler decided at every apply.
            Assert.Null(overlay.Set["spec"]!["replicas"]);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_network_policy_opens_the_mail_ports_to_all_and_the_others_to_whom_they_are_for(string name)
    {
        var overlay = new Overlay(name);
        var spec = Assert.Single(overlay.Of("NetworkPolicy"))["spec"]!;
        var open = spec["ingress"].Items().Where(rule => rule["from"] is null)
            .SelectMany(rule => rule["ports"].Items()).Select(port => port["port"].Text());
        var guarded = spec["ingress"].Items().Where(rule => rule["from"] is not null)
            .SelectMany(rule => rule["ports"].Items()).Select(port => port["port"].Text());

        Assert.Equal(["Egress", "Ingress"], spec["policyTypes"].Items().Select(item => item.Text()).Order());
        Assert.Equal(["pop3", "pop3s", "smtp", "submission", "submissions"], open.Order());
        Assert.Equal(["http", "links"], guarded.Order());
        Assert.All(open.Concat(guarded), port => Assert.Contains(port, overlay.Ports.Keys));
        Assert.All(spec["egress"].Items(), rule => Assert.NotNull(rule["to"]));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_mounted_is_there_and_what_the_configuration_names_is_mounted(string name)
    {
        var overlay = new Overlay(name);
        var volumes = overlay.Pod["volumes"].Items().ToDictionary(volume => volume["name"].Text());
        var claims = overlay.Set["spec"]!["volumeClaimTemplates"].Items().Select(claim =>
            Overlay.NameOf(claim.AsObject()));
        var mounts = overlay.Container["volumeMounts"].Items().ToDictionary(
            mount => mount["mountPath"].Text(), mount => mount["name"].Text());

        Assert.Equal(volumes.Keys.Concat(claims).Order(), mounts.Values.Order());
        Assert.All(volumes.Values.Where(volume => volume["configMap"] is not null), volume => Assert.Contains(
            overlay.Of("ConfigMap"), map => Overlay.NameOf(map) == volume["configMap"]!["name"].Text()));
        var documentation = Repository.Read("docs/deployment.md");
        Assert.All(SecretsOf(overlay), secret => Assert.Contains($"`{secret}`", documentation,
            StringComparison.Ordinal));

        var options = ProgramOptions.Load(overlay.Configuration, overlay.Environment());
        var files = options.Tls.Certificates.SelectMany(pair => new[] { pair.CertificateFile, pair.KeyFile })
            .Concat([options.Cluster.CertificateFile, options.Cluster.KeyFile, options.Cluster.CaFile])
            .Append(options.Node.DataDirectory).Append(overlay.Container["args"].Items().Last().Text());
        Assert.All(files.OfType<string>(), file => Assert.Contains(
            mounts.Keys, path => file == path || file.StartsWith(path + "/", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_pod_is_given_longer_to_end_than_it_drains(string name)
    {
        var overlay = new Overlay(name);
        var options = ProgramOptions.Load(overlay.Configuration, overlay.Environment());
        var command = overlay.Container["lifecycle"]!["preStop"]!["exec"]!["command"].Items().Select(item =>
            item.Text());
        Assert.Equal(["sleep", "15"], command);

        var grace = TimeSpan.FromSeconds(overlay.Pod["terminationGracePeriodSeconds"]!.GetValue<int>());
        Assert.InRange(
            grace, options.Node.DrainTimeout + TimeSpan.FromSeconds(15 + 30),
                options.Node.DrainTimeout + TimeSpan.FromMinutes(2));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_pod_asks_for_nothing_that_the_restricted_profile_refuses(string name)
    {
        var overlay = new Overlay(name);
        var pod = overlay.Pod["securityContext"]!;
        var container = overlay.Container["securityContext"]!;
        Assert.True(pod["runAsNonRoot"]!.GetValue<bool>());
        Assert.Equal("RuntimeDefault", pod["seccompProfile"]!["type"].Text());
        Assert.False(container["allowPrivilegeEscalation"]!.GetValue<bool>());
        Assert.True(container["readOnlyRootFilesystem"]!.GetValue<bool>());
        Assert.Equal("ALL", Assert.Single(container["capabilities"]!["drop"].Items()).Text());
        Assert.All(overlay.Pod["volumes"].Items(), volume => Assert.Contains(
            Assert.Single(volume.Keys(), key => key != "name"), new[] { "configMap", "secret", "emptyDir" }));
        Assert.False(overlay.Pod["automountServiceAccountToken"]!.GetValue<bool>());
        Assert.All(overlay.Of("ServiceAccount"), account => Assert
            .False(account["automountServiceAccountToken"]!.GetValue<bool>()));
        Assert.Contains(overlay.Of("ServiceAccount"),
            account => Overlay.NameOf(account) == overlay.Pod["serviceAccountName"].Text());
        Assert.Equal("restricted",
            Assert.Single(overlay.Of("Namespace"))["metadata"]!["labels"]!["pod-security.kubernetes.io/enforce"]
                .Text());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_image_has_the_version_of_the_program(string name)
    {
        var version = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value;

        Assert.EndsWith($"mailcluster:{version}", new Overlay(name).Container["image"].Text(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_metric_of_the_autoscaler_is_served_by_the_rule_of_the_adapter()
    {
        var scaler = Assert.Single(new Overlay("prod").Of("HorizontalPodAutoscaler"));
        var metric = Assert.Single(scaler["spec"]!["metrics"].Items())["pods"]!["metric"]!["name"].Text();
        var rule = Assert.Single(
            YamlText.Document(Repository.Read("deploy/prometheus/adapter.yml"))["rules"]!["custom"].Items());

        Assert.Equal(metric, rule["name"]!["as"].Text());
        Assert.StartsWith(metric + "{", rule["seriesQuery"].Text(), StringComparison.Ordinal);
        Assert.Contains($"| `{metric}` | gauge |", Repository.Read("docs/metrics.md"), StringComparison.Ordinal);
        Assert.True(long.Parse(
            scaler["spec"]!["metrics"]![0]!["pods"]!["target"]!["averageValue"].Text(),
                CultureInfo.InvariantCulture) > 0);
        Assert.InRange(scaler["spec"]!["minReplicas"]!.GetValue<int>(), 3,
            scaler["spec"]!["maxReplicas"]!.GetValue<int>());
    }

    private static IEnumerable<string> SecretsOf(Overlay overlay) => overlay.Container["env"].Items()
        .Select(entry => entry["valueFrom"]?["secretKeyRef"]?["name"].Text())
        .Concat(overlay.Pod["volumes"].Items().Select(volume =>
            volume["secret"]?["secretName"].Text())).OfType<string>();
}
