using BenchmarkDotNet.Running;
using MailCluster.Benchmarks;

if (args is ["committer", .. var rest])
{
    await CommitterMeasurement.RunAsync(rest);
    return;
}

BenchmarkSwitcher.FromAssembly(System.Reflection.Assembly.GetExecutingAssembly()).Run(args);
