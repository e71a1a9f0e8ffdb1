namespace MailCluster.Actors.Tests.StoreConformance;

public sealed class SqliteCommitTests() : CommitSuite(new SqliteEngine());
