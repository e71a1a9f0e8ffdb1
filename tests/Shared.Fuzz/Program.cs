using System.Diagnostics;
using System.Globalization;
using MailCluster.Shared.Fuzz;
using MailCluster.Testing;

// Usage: [--seconds N] [--seed N] [target …]. Seconds are per target (default 3).
// Exit code 1: a finding, printed with its seed.
var seconds = 3.0;
var seed = Random.Shared.Next();
var names = new List<string>();
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--seconds":
            seconds = double.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        case "--seed":
            seed = int.Parse(args[++i], CultureInfo.InvariantCulture);
            break;
        default:
            names.Add(args[i]);
            break;
    }
}

var findings = 0;
foreach (var target in FuzzTarget.All.Where(x => names.Count == 0 || names.Contains(x.Name)))
{
    var mutator = new Mutator(seed, target.Corpus(), FuzzTarget.Words());
    var inputs = 0;
    var start = Stopwatch.GetTimestamp();
    byte[] input = [];
    try
    {
        for (; Stopwatch.GetElapsedTime(start).TotalSeconds < seconds; inputs++)
        {
            input = mutator.Next();
            target.Run(input);
        }

        Console.WriteLine($"{target.Name}: {inputs} inputs, seed {seed}, no finding");
    }
    catch (Exception finding)
    {
        findings++;
        Console.WriteLine($"{target.Name}: finding at input {inputs}, seed {seed}: {OctetText.Show(input)}");
        Console.WriteLine(finding);
    }
}

return findings == 0 ? 0 : 1;
