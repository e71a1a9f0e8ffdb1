using System.Text.RegularExpressions;
using System.Xml.Linq;
using MailCluster.Deployment.Documents;
using Xunit;

namespace MailCluster.Deployment.Compose;

/// <summary>The Dockerfile: no engine builds it here, so what it names is held against what there is.</summary>
public sealed partial class ImageTests
{
    private static readonly string[] Instructions =
        [.. Repository.Read("Dockerfile").Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
            .Where(line => line.Length > 0 && !line.StartsWith('#')).Select(line => Blanks().Replace(line, " "))];

    [Fact]
    public void Both_stages_start_from_images_with_a_version()
    {
        var images = All("ARG").Where(text => text.Contains("_IMAGE=", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, images.Count);
        Assert.All(images, text => Assert.Matches(
            @"_IMAGE=mcr\.microsoft\.com/dotnet/(sdk|aspnet):10\.0\.[0-9]+-noble$", text));
        Assert.Equal(["${SDK_IMAGE} AS build", "${RUNTIME_IMAGE} AS runtime"], All("FROM"));
    }

    [Fact]
    public void What_is_copied_exists_and_is_let_through()
    {
        var ignored = Repository.Read(".dockerignore");
        var sources = All("COPY").Where(text => !text.StartsWith("--from=", StringComparison.Ordinal))
            .SelectMany(text => text.Split(' ').Where(word =>
                !word.StartsWith("--", StringComparison.Ordinal)).SkipLast(1)).ToList();
        Assert.Contains("src/Frontend/MailCluster.Frontend.csproj", sources);
        foreach (var path in sources)
        {
            Assert.True(File.Exists(Repository.PathOf(path)) || Directory.Exists(Repository.PathOf(path)), path);
            var top = path.Split('/')[0];
            Assert.Contains(top == "deploy" ? "!deploy/docker/\n" : Directory.Exists(Repository
                .PathOf(top)) ? $"!{top}/\n" : $"!{top}\n",
                ignored, StringComparison.Ordinal);
        }

        // Every project that the program consists of is there before the packages are restored.
        Assert.Equal(
            ProjectsOf("src/Frontend/MailCluster.Frontend.csproj").Distinct().Order(),
            sources.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public void It_runs_as_nobody_special_and_writes_to_volumes_only()
    {
        var options = ProgramOptions.Load("{}", All("ENV").SelectMany(text => Pair().Matches(text))
            .Select(match => KeyValuePair.Create(match.Groups[1].Value, match.Groups[2].Value)));
        Assert.Equal("10001:10001", Assert.Single(All("USER")));
        Assert.Equal($"[\"{options.Node.DataDirectory}\", \"/tmp\"]", Assert.Single(All("VOLUME")));
        Assert.Equal("0.0.0.0:8080", options.Http.Endpoints.Single().ToString());
        Assert.Equal("SIGTERM", Assert.Single(All("STOPSIGNAL")));
        Assert.Equal("[\"/app/mailcluster\"]", Assert.Single(All("ENTRYPOINT")));
        Assert.All(
            All("ENV").SelectMany(text => Pair().Matches(text)).Select(match => match.Groups[1].Value)
                .Where(name => name.StartsWith("MailCluster__", StringComparison.Ordinal)),
            name => Assert.NotNull(ProgramOptions.KeyOf(name)));
    }

    [Fact]
    public void It_exposes_every_port_of_the_configurations()
    {
        var exposed = Assert.Single(All("EXPOSE")).Split(' ').Order();
        var ports = ComposeNode.Options().Ports().Values
            .Select(port => port.ToString(System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal(ports.Order(), exposed);
    }

    [Fact]
    public void Version_and_license_are_those_of_the_repository()
    {
        var version = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("Version").Single().Value;

        Assert.Contains($"VERSION={version}", All("ARG"));
        Assert.Contains("org.opencontainers.image.licenses=\"MIT\"", Assert.Single(All("LABEL")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Libraries_that_the_program_loads_are_installed()
    {
        var install = Assert.Single(All("RUN"), text => text.Contains("apt-get install", StringComparison.Ordinal));

        Assert.All(new[] { "libsqlite3-0", "libgssapi-krb5-2", "gss-ntlmssp" },
            package => Assert.Contains($" {package} ", install, StringComparison.Ordinal));
    }

    /// <summary>A project and those that it is built from, relative to the repository.</summary>
    private static IEnumerable<string> ProjectsOf(string project) => XDocument.Parse(Repository.Read(project))
        .Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value)
        .Select(path => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Repository.PathOf(project))!, path)))
        .SelectMany(path => ProjectsOf(Path.GetRelativePath(Repository.Root, path))).Prepend(project);

    private static IEnumerable<string> All(string instruction) => Instructions
        .Where(line => line.StartsWith(instruction + " ", StringComparison.Ordinal)).Select(line =>
            line[(instruction.Length + 1)..].Trim());

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();

    [GeneratedRegex("([A-Za-z_]+)=([^ ]*)")]
    private static partial Regex Pair();
}
