using MailCluster.Actors.Storage;
using MailCluster.Shared;
using Xunit;

namespace MailCluster.Actors.Tests.StoreConformance;

/// <summary>What every store promises of bodies: staged in pieces, read in pieces, swept when nothing refers to
/// them.</summary>
public abstract class BodySuite(IStoreEngine engine) : StoreSuite(engine)
{
    public static TheoryData<int, int> Sizes => new()
    {
        { 0, 0 },
        { 1, 0 },
        { BodyLayout.HeadOctetsMax, 0 },
        { BodyLayout.HeadOctetsMax, 1 },
        { 700, BodyLayout.ChunkOctets },
        { BodyLayout.HeadOctetsMax, BodyLayout.ChunkOctets + 1 },
        { 3, (5 * BodyLayout.ChunkOctets) - 1 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_body_reads_back_at_every_offset_and_piece_size(int head, int staged)
    {
        var octets = new byte[head + staged];
        new Random(head ^ staged).NextBytes(octets);
        var alice = await Store.AddUserAsync();
        var body = await StageAsync(octets, head);
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(body, StoreSteps.Message(alice, 1, body)));

        foreach (var piece in (int[])[1_000_000, 65_536, 16_384, 7_777])
        {
            var buffer = new byte[piece];
            for (var offset = 0L; offset <= octets.Length; offset += piece)
            {
                var read = await Store.Bodies.ReadAsync(body.Body, offset, buffer, CancellationToken.None);
                Assert.True(
                    octets.AsSpan((int)offset, Math.Min(piece, octets.Length - (int)offset)).SequenceEqual(
                        buffer.AsSpan(0, read)));
            }
        }

        Assert.Equal(0,
            await Store.Bodies.ReadAsync(body.Body, octets.Length + 1, new byte[8], CancellationToken.None));
    }

    [Fact]
    public async Task The_first_read_of_a_message_says_when_it_is_gone()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        var body = Store.Body("for both");
        await Store.CommitAsync(body, StoreSteps.Message(alice, 1, body), StoreSteps.Message(bob, 1, body));
        var buffer = new byte[100];

        Assert.Equal(8, await ReadMessageAsync(alice, 1, body.Body, buffer));
        await Store.CommitAsync(StoreSteps.Removal(alice, 9, 1));

        Assert.Equal(-1, await ReadMessageAsync(alice, 1, body.Body, buffer));
        Assert.Equal(8, await ReadMessageAsync(bob, 1, body.Body, buffer));
        Assert.Equal(-1, await ReadMessageAsync(bob, 1, new BodyId(body.Body.Value + 1), buffer));
        Assert.Equal(8, await Store.Bodies.ReadAsync(body.Body, 0, buffer, CancellationToken.None));
    }

    [Fact]
    public async Task A_body_whose_chunks_are_not_all_there_is_refused()
    {
        var body = await StageAsync(new byte[300_000], 1000);

        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(body with { Chunks = body.Chunks + 1 }));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(body with { Octets = body.Octets + 1 }));
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(body));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(300_000)]
    public async Task A_body_becomes_live_once_and_whoever_is_second_finds_it_there(int staged)
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        var body = await StageAsync(new byte[1000 + staged], 1000);
        Assert.False(await Store.Bodies.ExistsAsync(body.Body, CancellationToken.None));

        CommitOutcome[] outcomes = await Task.WhenAll(
            Store.CommitAsync(body, StoreSteps.Message(alice, 1, body)),
            Store.CommitAsync(body, StoreSteps.Message(bob, 1, body)));

        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Refused], outcomes.Order());
        Assert.True(await Store.Bodies.ExistsAsync(body.Body, CancellationToken.None));
    }

    [Theory]
    [InlineData(2, BodyLayout.ChunkOctets)]
    [InlineData(4, BodyLayout.ChunkOctets)]
    [InlineData(3, BodyLayout.ChunkOctets + 1)]
    [InlineData(3, 0)]
    public async Task A_chunk_out_of_order_or_size_is_refused(int sequence, int octets)
    {
        var id = Store.Bodies.NextId();
        var full = new byte[BodyLayout.ChunkOctets];
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(new StoreOperation.StageChunk(id, 1, full)));
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(new StoreOperation.StageChunk(id, 2, full)));

        var outcome = await Store.CommitAsync(new StoreOperation.StageChunk(id, sequence, new byte[octets]));

        Assert.Equal(CommitOutcome.Refused, outcome);
    }

    [Fact]
    public async Task After_a_chunk_that_is_not_full_comes_none()
    {
        var id = Store.Bodies.NextId();
        Assert.Equal(CommitOutcome.Committed,
            await Store.CommitAsync(new StoreOperation.StageChunk(id, 1, new byte[5])));

        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(new StoreOperation.StageChunk(id, 2, new byte[5])));
    }

    [Fact]
    public async Task A_discarded_body_cannot_be_made_live_and_discarding_twice_is_no_fault()
    {
        var body = await StageAsync(new byte[300_000], 0);

        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(new StoreOperation.DiscardStaged(body.Body)));
        Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(new StoreOperation.DiscardStaged(body.Body)));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(body));
    }

    [Fact]
    public async Task A_discard_leaves_a_live_body_alone()
    {
        var alice = await Store.AddUserAsync();
        var body = await StageAsync(new byte[300_000], 10);
        await Store.CommitAsync(body, StoreSteps.Message(alice, 1, body));

        await Store.CommitAsync(new StoreOperation.DiscardStaged(body.Body));

        Assert.Equal(300_000, await Store.Bodies.ReadAsync(body.Body, 0, new byte[400_000], CancellationToken.None));
    }

    [Fact]
    public async Task A_body_goes_a_day_after_its_last_reference_and_not_before()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        var body = await StageAsync(new byte[9_000_000], 10);
        await Store.CommitAsync(body, StoreSteps.Message(alice, 1, body), StoreSteps.Message(bob, 1, body));
        await Store.CommitAsync(StoreSteps.Removal(alice, 9, 1));
        Time.Move(TimeSpan.FromHours(48));
        Assert.Equal(0, await Engine.SweepAsync(Store));

        await Store.CommitAsync(StoreSteps.Removal(bob, 9, 1));
        Time.Move(TimeSpan.FromHours(23));
        Assert.Equal(0, await Engine.SweepAsync(Store));
        Assert.Equal(8, await Store.Bodies.ReadAsync(body.Body, 8_999_000, new byte[8], CancellationToken.None));
        Time.Move(TimeSpan.FromHours(2));

        Assert.Equal(1, await Engine.SweepAsync(Store));
        await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await Store.Bodies.ReadAsync(body.Body, 0, new byte[8], CancellationToken.None));
    }

    [Fact]
    public async Task Bodies_of_a_removed_user_go_unless_another_has_them()
    {
        var alice = await Store.AddUserAsync("alice");
        var bob = await Store.AddUserAsync("bob");
        await Store.DeliverAsync(alice, 1, "hers alone");
        var both = Store.Body("of both");
        await Store.CommitAsync(both, StoreSteps.Message(alice, 2, both), StoreSteps.Message(bob, 1, both));
        await Store.Directory.RemoveAccountAsync("alice", "example.test", CancellationToken.None);
        Time.Move(TimeSpan.FromHours(25));

        Assert.Equal(1, await Engine.SweepAsync(Store));
        Assert.Equal("of both", await Store.TextAsync(both.Body));
    }

    [Fact]
    public async Task Chunks_that_never_became_a_body_go_after_an_hour()
    {
        var id = Store.Bodies.NextId();
        var chunk = new byte[BodyLayout.ChunkOctets];
        await Store.CommitAsync(new StoreOperation.StageChunk(id, 1, chunk));
        Time.Move(TimeSpan.FromMinutes(59));
        await Store.CommitAsync(new StoreOperation.StageChunk(id, 2, chunk));
        Time.Move(TimeSpan.FromMinutes(59));
        Assert.Equal(0, await Engine.SweepAsync(Store));
        Time.Move(TimeSpan.FromMinutes(2));

        Assert.Equal(1, await Engine.SweepAsync(Store));
        Assert.Equal(CommitOutcome.Refused, await Store.CommitAsync(new StoreOperation.StageChunk(id, 3, chunk)));
    }

    protected async Task<StoreOperation.InsertBody> StageAsync(byte[] octets, int head)
    {
        var id = Store.Bodies.NextId();
        var chunks = 0;
        for (var offset = head; offset < octets.Length; offset += BodyLayout.ChunkOctets)
        {
            var size = Math.Min(BodyLayout.ChunkOctets, octets.Length - offset);
            var chunk = new StoreOperation.StageChunk(id, ++chunks, octets.AsMemory(offset, size));
            Assert.Equal(CommitOutcome.Committed, await Store.CommitAsync(chunk));
        }

        return new StoreOperation.InsertBody(id, octets.AsMemory(0, head), octets.Length, chunks);
    }

    private async Task<int> ReadMessageAsync(MailboxId mailbox, long number, BodyId body, byte[] buffer) =>
        await Store.Bodies.ReadMessageAsync(mailbox, new MessageNumber(number), body, buffer, CancellationToken.None);
}
