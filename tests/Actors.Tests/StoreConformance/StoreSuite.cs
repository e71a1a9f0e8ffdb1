using MailCluster.Actors.Storage;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>A new database for each test, with a clock to move.</summary>
public abstract class StoreSuite(IStoreEngine engine) : IAsyncLifetime
{
    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    protected MovedTime Time { get; } = new();

    protected IMailStore Store { get; private set; } = null!;

    protected IStoreEngine Engine { get; } = engine;

    public async ValueTask InitializeAsync() => Store = await Engine.OpenAsync(Time);

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        Engine.Dispose();
        GC.SuppressFinalize(this);
    }

    protected async Task CrashAsync()
    {
        Engine.Crash();
        await Store.DisposeAsync();
        Store = await Engine.OpenAsync(Time);
    }
}
