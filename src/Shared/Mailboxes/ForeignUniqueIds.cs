using System.Collections.Immutable;
using System.Text;

namespace MailCluster.Shared.Mailboxes;

/// <summary>
/// The foreign unique-ids of a mailbox that has any, ascending by number: 12 octets and the characters for each. Beside
/// the messages, because most mailboxes have none.
/// </summary>
public sealed class ForeignUniqueIds
{
    private readonly ImmutableArray<long> _numbers;
    private readonly ImmutableArray<int> _ends;
    private readonly ImmutableArray<byte> _octets;

    private ForeignUniqueIds(ImmutableArray<long> numbers, ImmutableArray<int> ends, ImmutableArray<byte> octets)
    {
        _numbers = numbers;
        _ends = ends;
        _octets = octets;
    }

    public int Count => _numbers.Length;

    /// <summary>Empty: the message has none, its number is its unique-id.</summary>
    public ReadOnlySpan<byte> Of(MessageNumber number)
    {
        var index = _numbers.AsSpan().BinarySearch(number.Value);
        return index < 0 ? default : At(index);
    }

    private ReadOnlySpan<byte> At(int index)
    {
        var start = index == 0 ? 0 : _ends[index - 1];
        return _octets.AsSpan()[start.._ends[index]];
    }

    /// <summary>Numbers ascending.</summary>
    public sealed class Builder
    {
        private readonly ImmutableArray<long>.Builder _numbers = ImmutableArray.CreateBuilder<long>();
        private readonly ImmutableArray<int>.Builder _ends = ImmutableArray.CreateBuilder<int>();
        private readonly ImmutableArray<byte>.Builder _octets = ImmutableArray.CreateBuilder<byte>();

        public void Add(MessageNumber number, string uniqueId) => Add(number, Encoding.ASCII.GetBytes(uniqueId));

        /// <param name="number">Above all before.</param>
        /// <param name="uniqueId">Empty: it has none.</param>
        public void Add(MessageNumber number, ReadOnlySpan<byte> uniqueId)
        {
            if (uniqueId.IsEmpty)
            {
                return;
            }

            _numbers.Add(number.Value);
            _octets.AddRange(uniqueId);
            _ends.Add(_octets.Count);
        }

        /// <summary>Null when there are none. The builder is empty after that.</summary>
        public ForeignUniqueIds? Build() => _numbers.Count == 0
            ? null
            : new ForeignUniqueIds(_numbers.DrainToImmutable(), _ends.DrainToImmutable(), _octets.DrainToImmutable());
    }
}
