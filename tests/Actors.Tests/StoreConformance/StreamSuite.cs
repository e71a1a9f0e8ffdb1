using System.Security.Cryptography;
using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>Memory is measured for the whole process: this suite runs alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "store: alone";
}

/// <summary>What every store promises of memory (I8): none grows with a message.</summary>
public abstract class StreamSuite(IStoreEngine engine) : StoreSuite(engine)
{
    [Fact]
    public async Task A_message_of_150_MB_streams_in_and_out_in_little_memory()
    {
        const int chunks = 1200;
        var alice = await Store.AddUserAsync();
        var chunk = new byte[BodyLayout.ChunkOctets];
        var buffer = new byte[BodyLayout.ChunkOctets];
        var random = new Random(1);
        await StreamAsync(alice, 1, 1, chunk, buffer, random);
        var managed = GC.GetTotalMemory(true);
        var native = Engine.NativeOctets;

        var highest = await StreamAsync(alice, 2, chunks, chunk, buffer, random);

        // The page caches start cold: they are part of what the large message adds.
        Assert.InRange(highest.Managed - managed, long.MinValue, 4 * 1024 * 1024);
        Assert.InRange(highest.Native - native, long.MinValue, 4 * 1024 * 1024);
    }

    private async Task<(long Managed, long Native)> StreamAsync(
        MailboxId mailbox, long number, int chunks, byte[] chunk, byte[] buffer, Random random)
    {
        using var written = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var read = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (managed, native) = (0L, 0L);
        var id = Store.Bodies.NextId();
        for (var sequence = 1; sequence <= chunks; sequence++)
        {
            random.NextBytes(chunk);
            written.AppendData(chunk);
            Assert.Equal(CommitOutcome.Committed,
                await Store.CommitAsync(new StoreOperation.StageChunk(id, sequence, chunk)));
            native = Math.Max(native, Engine.NativeOctets);
        }

        managed = Math.Max(managed, GC.GetTotalMemory(true));
        var octets = (long)chunks * chunk.Length;
        var body = new StoreOperation.InsertBody(id, default, octets, chunks);
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(body, StoreSteps.Message(mailbox, number, body)));
        for (var offset = 0L; offset < octets; offset += buffer.Length)
        {
            var count = await Store.Bodies.ReadAsync(id, offset, buffer, CancellationToken.None);
            read.AppendData(buffer.AsSpan(0, count));
            native = Math.Max(native, Engine.NativeOctets);
        }

        managed = Math.Max(managed, GC.GetTotalMemory(true));
        Assert.Equal(written.GetHashAndReset(), read.GetHashAndReset());
        return (managed, native);
    }
}
