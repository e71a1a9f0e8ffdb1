using MailCluster.Frontend.Commands;

return await CommandLine.RunAsync(args, Terminal.OfProcess());
