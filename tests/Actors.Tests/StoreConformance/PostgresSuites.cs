using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

public sealed class PostgresCommitTests() : CommitSuite(new PostgresEngine());

public sealed class PostgresBodyTests() : BodySuite(new PostgresEngine());

public sealed class PostgresDirectoryTests() : DirectorySuite(new PostgresEngine());

public sealed class PostgresImportTests() : ImportSuite(new PostgresEngine());

public sealed class PostgresSpoolTests() : SpoolSuite(new PostgresEngine());

public sealed class PostgresQuotaTests() : QuotaSuite(new PostgresEngine());

public sealed class PostgresModelTests() : ModelSuite(new PostgresEngine());

[Collection(Alone.Name)]
public sealed class PostgresStreamTests() : StreamSuite(new PostgresEngine());
