using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace MailCluster.Tidy.Tests;

public sealed partial class NamingTests
{
    /// <summary>Words that say nothing about what a type is for (CONTRIBUTING.md).</summary>
    private static readonly HashSet<string> Empty =
        ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Processor", "Service", "Data", "Info", "Base",
            "Common"];

    private static readonly string[] Assemblies =
        ["MailCluster.Shared", "MailCluster.Actors", "MailCluster.Storage", "MailCluster.LoadTest", "mailcluster"];

    [Fact]
    public void No_type_name_ends_in_an_empty_word()
    {
        HashSet<string> exempt = Exemptions.Of("type-name");
        Offences.None(OwnTypes()
            .Where(type => Empty.Contains(LastWord(type.Name)) && !exempt.Contains(type.Name))
            .Select(type => type.FullName));
    }

    [Fact]
    public void No_file_or_folder_is_called_by_an_empty_word() =>
        Offences.None(Repository.Code
            .SelectMany(file => file.Split('/'))
            .Select(part => part.Replace(".cs", "", StringComparison.Ordinal))
            .Distinct()
            .Where(part => Empty.Contains(part) && part != "Data") // Commands/Data.cs is the verb of RFC 5321
            .Concat(Repository.Code.Where(file => Path.GetFileName(file) is "Class1.cs" or "UnitTest1.cs")));

    [Fact]
    public void Types_are_sealed_static_or_meant_to_be_derived_from() =>
        Offences.None(OwnTypes()
            .Where(type => type is { IsClass: true, IsSealed: false, IsAbstract: false })
            .Where(type => !OwnTypes().Any(other => IsDerivedFrom(other, type)))
            .Select(type => type.FullName));

    private static IEnumerable<Type> OwnTypes() =>
        Assemblies.SelectMany(name => Assembly.Load(name).GetTypes())
            .Where(type => type.Namespace?.StartsWith("MailCluster", StringComparison.Ordinal) == true)
            .Where(type => !type.Name.Contains('<', StringComparison.Ordinal)
                && !type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
                && !type.IsDefined(typeof(System.CodeDom.Compiler.GeneratedCodeAttribute), inherit: false));

    private static bool IsDerivedFrom(Type type, Type parent) =>
        type.BaseType is { } direct
            && (direct == parent || (direct.IsGenericType && direct.GetGenericTypeDefinition() == parent));

    private static string LastWord(string name) =>
        Words().Matches(name.Split('`')[0]).LastOrDefault()?.Value ?? name;

    [GeneratedRegex("[A-Z][a-z0-9]*")]
    private static partial Regex Words();
}
