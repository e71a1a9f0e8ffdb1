using MailCluster.Shared.Wire;

namespace MailCluster.Shared.Pop3;

/// <summary>
/// What follows a keyword: words between runs of SP and TAB (RFC 1939 §3 with STANXPOP3-NV-2.1.1). How long a word may
/// be is not asked here, only how long the line may be (NV-2.1.2).
/// </summary>
internal ref struct Pop3Arguments(ReadOnlySpan<byte> text)
{
    private AsciiCursor _cursor = new(text);

    public readonly bool IsEmpty => _cursor.Rest.IndexOfAnyExcept((byte)' ', (byte)'\t') < 0;

    /// <summary>All that follows, its first separator included: what PASS reads (STANXPOP3-V0011).</summary>
    public readonly ReadOnlySpan<byte> Verbatim => _cursor.Rest;

    public bool TryTakeWord(out ReadOnlySpan<byte> word)
    {
        while (_cursor.TryTake((byte)' ') || _cursor.TryTake((byte)'\t'))
        {
        }

        var end = _cursor.Rest.IndexOfAny((byte)' ', (byte)'\t');
        word = _cursor.Take(end < 0 ? _cursor.Rest.Length : end);
        return !word.IsEmpty;
    }

    /// <summary>
    /// 1*DIGIT. A number too large for the type becomes the largest one: no maildrop has so many messages or lines.
    /// </summary>
    public bool TryTakeNumber(out int value)
    {
        value = 0;
        if (!TryTakeWord(out var word) || word.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            return false;
        }

        foreach (var digit in word)
        {
            var next = ((long)value * 10) + (digit - '0');
            value = (int)Math.Min(next, int.MaxValue);
        }

        return true;
    }
}
