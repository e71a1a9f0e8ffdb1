using MailCluster.Shared.Fuzz;
using Xunit;

namespace MailCluster.Shared.Tests;

/// <summary>Keeps the fuzz targets alive: each runs over its corpus and over some thousand inputs made of it.</summary>
public sealed class FuzzTargetTests
{
    private const int Mutations = 2000;

    public static TheoryData<string> Names => [.. FuzzTarget.All.Select(x => x.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Target_finds_nothing_in_its_corpus(string name)
    {
        var target = FuzzTarget.All.Single(x => x.Name == name);
        Assert.True(target.Corpus().Count > 1, "A corpus has inputs.");

        Assert.All(target.Corpus(), x => Assert.Null(Record.Exception(() => target.Run(x))));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Target_finds_nothing_in_mutations_of_its_corpus(string name)
    {
        var target = FuzzTarget.All.Single(x => x.Name == name);
        var seed = Seeds.Next();
        var mutator = new Mutator(seed, target.Corpus(), FuzzTarget.Words());
        for (var i = 0; i < Mutations; i++)
        {
            var input = mutator.Next();
            var finding = Record.Exception(() => target.Run(input));
            Assert.True(finding is null, $"seed {seed}, input {Convert.ToHexString(input)}: {finding}");
        }
    }

    [Fact]
    public void Every_target_is_listed()
    {
        var targets = typeof(IFuzzTarget).Assembly.GetTypes()
            .Where(x => x.IsClass && x.IsAssignableTo(typeof(IFuzzTarget)))
            .Select(x => (string)x.GetProperty(nameof(IFuzzTarget.Name))!.GetValue(null)!)
            .Order();

        Assert.Equal(targets, FuzzTarget.All.Select(x => x.Name).Order());
    }
}
