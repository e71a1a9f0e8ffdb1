namespace MailCluster.Actors.Tests.StoreConformance;

public sealed class SqliteCommitTests() : CommitSuite(new SqliteEngine());

public sealed class SqliteBodyTests() : BodySuite(new SqliteEngine());
