using System.Collections.Immutable;
using MailCluster.Actors.Cluster.Wire;
using MailCluster.Shared;
using MailCluster.Shared.Cluster;

namespace MailCluster.Actors.Mailboxes;

/// <summary>
/// Removals too large for one frame, put together before anything is done, so that all of it is one commit. Bounded:
/// the oldest one goes, and who asked for it begins anew.
/// </summary>
internal sealed class RemovalParts(MaildropLinkOptions options)
{
    private readonly Lock _gate = new();
    private readonly List<Removal> _removals = [];

    /// <summary>False: parts are missing, or it is too large.</summary>
    /// <param name="numbers">Default: put aside, more will come.</param>
    public bool TryTake(NodePeer from, RemoveMessages part, out ImmutableArray<MessageNumber> numbers)
    {
        if (part.Removal == 0)
        {
            var all = ImmutableArray.CreateBuilder<MessageNumber>(part.NumberSteps.Count);
            Read(part, all);
            numbers = all.MoveToImmutable();
            return true;
        }

        numbers = default;
        lock (_gate)
        {
            var at = _removals.FindIndex(removal => removal.From == from && removal.Name == part.Removal);
            if (at < 0 && part.Before == 0)
            {
                if (_removals.Count == options.RemovalsMax)
                {
                    _removals.RemoveAt(0);
                }

                at = _removals.Count;
                _removals.Add(new Removal(from, part.Removal));
            }

            if (at < 0 || _removals[at].Numbers.Count != part.Before
                || _removals[at].Numbers.Count + part.NumberSteps.Count > options.RemovalNumbersMax)
            {
                return false;
            }

            Read(part, _removals[at].Numbers);
            if (!part.IsMore)
            {
                numbers = _removals[at].Numbers.DrainToImmutable();
                _removals.RemoveAt(at);
            }

            return true;
        }
    }

    public void Drop(NodePeer peer)
    {
        lock (_gate)
        {
            _removals.RemoveAll(removal => removal.From == peer);
        }
    }

    private static void Read(RemoveMessages part, ImmutableArray<MessageNumber>.Builder numbers)
    {
        var number = 0L;
        foreach (var step in part.NumberSteps)
        {
            number = unchecked(number + step);
            numbers.Add(new MessageNumber(number));
        }
    }

    private sealed record Removal(NodePeer From, ulong Name)
    {
        public ImmutableArray<MessageNumber>.Builder Numbers { get; } = ImmutableArray.CreateBuilder<MessageNumber>();
    }
}
