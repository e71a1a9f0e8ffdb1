using System.Buffers;
using System.Text;

namespace MailCluster.Shared.Wire;

/// <summary>
/// The one cursor of the grammars. Two verbs: Try… takes or leaves everything as it was; Expect… records that the input
/// is
/// at fault, once, and every later verb takes nothing.
/// </summary>
public ref struct AsciiCursor(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;

    /// <summary>An expectation was not met.</summary>
    public bool IsFaulty { get; private set; }

    /// <summary>Nothing is left, and nothing was at fault.</summary>
    public readonly bool IsAtEnd => _rest.IsEmpty && !IsFaulty;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public readonly bool IsNext(byte octet) => !_rest.IsEmpty && _rest[0] == octet;

    public bool TryTake(byte octet)
    {
        if (!IsNext(octet))
        {
            return false;
        }

        _rest = _rest[1..];
        return true;
    }

    /// <summary>A keyword in either case.</summary>
    public bool TryTakeWord(ReadOnlySpan<byte> word)
    {
        if (_rest.Length < word.Length || !Ascii.EqualsIgnoreCase(_rest[..word.Length], word))
        {
            return false;
        }

        _rest = _rest[word.Length..];
        return true;
    }

    /// <summary>The longest run of members, possibly none.</summary>
    public ReadOnlySpan<byte> TakeWhile(SearchValues<byte> set)
    {
        var end = _rest.IndexOfAnyExcept(set);
        return Take(end < 0 ? _rest.Length : end);
    }

    /// <param name="count">At most what is left.</param>
    public ReadOnlySpan<byte> Take(int count)
    {
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    /// <returns>How many.</returns>
    public int SkipSpaces()
    {
        var end = _rest.IndexOfAnyExcept((byte)' ');
        return Take(end < 0 ? _rest.Length : end).Length;
    }

    public bool Expect(byte octet) => TryTake(octet) || Fail();

    public bool ExpectEnd() => IsAtEnd || Fail();

    public bool Fail()
    {
        IsFaulty = true;
        _rest = [];
        return false;
    }
}
