using MailCluster.Deployment.Documents;
using MailCluster.Frontend.Options;

namespace MailCluster.Deployment.Compose;

/// <summary>What the first node of docker-compose.yml is started with; the others differ in name and address.</summary>
internal static class ComposeNode
{
    public static MailClusterOptions Options() => ProgramOptions.Load(
        Repository.Read("deploy/compose/mailcluster.json"),
        YamlText.Document(Repository.Read("docker-compose.yml"))["services"]!["node1"]!["environment"]!.AsObject()
            .Select(pair => KeyValuePair.Create(pair.Key, pair.Value.Text())));
}
