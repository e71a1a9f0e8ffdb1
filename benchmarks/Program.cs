using BenchmarkDotNet.Running;
using MailCluster.Benchmarks;

if (args is ["committer", .. var rest])
{
    await CommitterMeasurement.RunAsync(rest);
    return;
}

if (args is ["postgres", .. var cluster])
{
    await PostgresMeasurement.RunAsync(cluster);
    return;
}

if (args is ["maildrop", .. var large])
{
    await MaildropMeasurement.RunAsync(large);
    return;
}

if (args is ["links", .. var links])
{
    await LinksMeasurement.RunAsync(links);
    return;
}

BenchmarkSwitcher.FromAssembly(System.Reflection.Assembly.GetExecutingAssembly()).Run(args);
