using System.Reflection;
using System.Runtime.CompilerServices;
using System.Xml.Linq;
using MailCluster.Shared;
using Xunit;

namespace MailCluster.Tidy.Tests;

/// <summary>Shared is the functional core: what it takes and gives is values.</summary>
public sealed class SharedPurityTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Assembly Core = typeof(ConnectionEndReason).Assembly;

    private static readonly string[] ForbiddenNamespaces =
        ["System.IO", "System.Net.Sockets", "System.Threading.Tasks", "System.Threading.Channels", "Microsoft."];

    private static readonly HashSet<string> ForbiddenTypes =
        ["System.TimeProvider", "System.Random", "System.Threading.CancellationToken", "System.Threading.Thread",
            "System.Net.Security.SslStream"];

    [Fact]
    public void No_signature_mentions_a_stream_task_socket_pipe_or_clock() =>
        Offences.None(
            from type in Core.GetTypes()
            where !IsGenerated(type)
            from mentioned in Mentioned(type)
            where IsForbidden(mentioned.Type)
            select $"{type.FullName}.{mentioned.Member} mentions {mentioned.Type}");

    [Fact]
    public void The_assembly_references_nothing_but_the_platform_s_core() =>
        Offences.None(Core.GetReferencedAssemblies()
            .Select(reference => reference.Name!)
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal)
                || name is "System.IO.Pipelines" or "System.Net.Sockets" or "System.Threading.Channels"
                    or "System.Net.Security" or "System.Diagnostics.DiagnosticSource"));

    [Fact]
    public void The_project_has_no_package_with_run_time_assets_and_no_project_reference()
    {
        XDocument project = XDocument.Parse(Repository.Read("src/Shared/MailCluster.Shared.csproj"));
        Offences.None(project.Descendants("PackageReference")
            .Where(package => (string?)package.Attribute("PrivateAssets") != "all")
                .Select(package => package.ToString()));
        Offences.None(project.Descendants("ProjectReference").Select(reference => reference.ToString()));
        Offences.None(project.Descendants("FrameworkReference").Select(reference => reference.ToString()));
    }

    [Theory]
    [InlineData("src/Actors/MailCluster.Actors.csproj", "MailCluster.Shared")]
    [InlineData("src/Storage/MailCluster.Storage.csproj", "MailCluster.Actors")]
    [InlineData("src/LoadTest/MailCluster.LoadTest.csproj", "MailCluster.Shared")]
    [InlineData("src/Frontend/MailCluster.Frontend.csproj", "MailCluster.Storage", "MailCluster.LoadTest")]
    public void A_layer_refers_only_to_the_one_below(string project, params string[] below) =>
        Assert.Equal(below, XDocument.Parse(Repository.Read(project)).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!)));

    private static bool IsGenerated(Type type) =>
        type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        || (type.DeclaringType is { } outer && IsGenerated(outer));

    private static IEnumerable<(string Member, Type Type)> Mentioned(Type type)
    {
        foreach (Type parent in type.GetInterfaces().Append(type.BaseType).OfType<Type>())
        {
            yield return ("(parent)", parent);
        }

        foreach (FieldInfo field in type.GetFields(Declared))
        {
            yield return (field.Name, field.FieldType);
        }

        foreach (
            MethodBase method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)))
        {
            if (method is MethodInfo { ReturnType: { } result })
            {
                yield return (method.Name, result);
            }

            foreach (ParameterInfo parameter in method.GetParameters())
            {
                yield return (method.Name, parameter.ParameterType);
            }
        }
    }

    private static bool IsForbidden(Type type)
    {
        Type bare = type.HasElementType ? type.GetElementType()! : type;
        string name = $"{bare.Namespace}.{bare.Name}";
        return ForbiddenTypes.Contains(name)
            || ForbiddenNamespaces.Any(space => name.StartsWith(space, StringComparison.Ordinal))
            || (bare.IsGenericType && bare.GetGenericArguments()
                .Any(argument => !argument.IsGenericParameter && IsForbidden(argument)));
    }
}
