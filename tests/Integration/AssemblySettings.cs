using Xunit;

// Each test starts programs of its own and some measure memory or load a node: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
