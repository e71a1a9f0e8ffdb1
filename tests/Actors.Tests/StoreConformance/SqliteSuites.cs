using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

public sealed class SqliteCommitTests() : CommitSuite(new SqliteEngine());

public sealed class SqliteBodyTests() : BodySuite(new SqliteEngine());

public sealed class SqliteDirectoryTests() : DirectorySuite(new SqliteEngine());

public sealed class SqliteImportTests() : ImportSuite(new SqliteEngine());

public sealed class SqliteSpoolTests() : SpoolSuite(new SqliteEngine());

public sealed class SqliteQuotaTests() : QuotaSuite(new SqliteEngine());

public sealed class SqliteModelTests() : ModelSuite(new SqliteEngine());

[Collection(Alone.Name)]
public sealed class SqliteStreamTests() : StreamSuite(new SqliteEngine());
