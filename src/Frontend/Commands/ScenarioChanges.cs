using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using MailCluster.LoadTest;
using MailCluster.LoadTest.Scenarios;

namespace MailCluster.Frontend.Commands;

/// <summary>What the command line changes of a scenario's file.</summary>
internal sealed class ScenarioChanges
{
    private readonly Option<string?> _duration = new("--duration")
    {
        Description = "Instead of the scenario's, as 20s or 2m; steps are shortened with it",
    };

    private readonly Option<double> _rate = new("--rate")
    {
        Description = "All rates of the scenario times this", DefaultValueFactory = _ => 1,
    };

    private readonly Option<int?> _seed = new("--seed") { Description = "Instead of the scenario's" };

    private readonly Option<string?> _sourceFirst = new("--source-first")
    {
        Description = "Where the addresses begin that clients come from, instead of the scenario's",
    };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _duration, _rate, _seed, _sourceFirst })
        {
            command.Options.Add(option);
        }
    }

    public Scenario Apply(ParseResult arguments, Scenario scenario)
    {
        if (arguments.GetValue(_duration) is { } text)
        {
            scenario = scenario with
            {
                Duration = DurationText.TryParse(text, out var duration)
                    ? duration
                    : throw new LoadFaultException($"--duration: \"{text}\" is no duration: 20s, 2m, 1h."),
            };
        }

        var rate = arguments.GetValue(_rate);
        if (rate is not (> 0 and <= 1_000_000))
        {
            throw new LoadFaultException("--rate takes a number above 0, as 0.5 or 3.");
        }

        return scenario with
        {
            Seed = arguments.GetValue(_seed) ?? scenario.Seed,
            Sources = arguments.GetValue(_sourceFirst) is not { } first ? scenario.Sources
                : scenario.Sources with
                {
                    First = IPAddress.TryParse(first, out var address)
                        && address.AddressFamily == AddressFamily.InterNetwork
                        ? address
                        : throw new LoadFaultException($"{_sourceFirst.Name}: \"{first}\" is no IPv4 address."),
                },
            Clients = [.. scenario.Clients.Select(client => client with
            {
                Arrivals = client.Arrivals is null ? null : client.Arrivals with
                {
                    Steps = [.. client.Arrivals.Steps.Select(step => step with { Rate = step.Rate * rate })],
                },
            })],
        };
    }
}
