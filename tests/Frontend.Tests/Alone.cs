using Xunit;

namespace MailCluster.Frontend.Tests;

/// <summary>Tests that measure: they run one by one when all others are done.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
