namespace MailCluster.Shared.Fuzz;

/// <summary>Makes new inputs of old ones: the same seed gives the same inputs.</summary>
public sealed class Mutator(int seed, IReadOnlyList<byte[]> corpus, IReadOnlyList<byte[]> words)
{
    private const int OctetsMax = 4096;

    private static readonly byte[] Edges =
        [0, 9, 10, 13, 32, 34, 43, 46, 58, 60, 61, 62, 64, 91, 92, 93, 127, 128, 194, 255];

    private readonly Random _random = new(seed);

    public byte[] Next()
    {
        var input = Pick(corpus).ToList();
        for (var times = _random.Next(1, 8); times > 0; times--)
        {
            Change(input);
        }

        return input.Count > OctetsMax ? [.. input.Take(OctetsMax)] : [.. input];
    }

    private void Change(List<byte> input)
    {
        var at = _random.Next(input.Count + 1);
        switch (_random.Next(7))
        {
            case 0 when at < input.Count:
                input[at] = (byte)_random.Next(256);
                break;
            case 1:
                input.Insert(at, Edges[_random.Next(Edges.Length)]);
                break;
            case 2:
                input.RemoveRange(at, Math.Min(_random.Next(8), input.Count - at));
                break;
            case 3 when words.Count > 0:
                input.InsertRange(at, Pick(words));
                break;
            case 4:
                var length = _random.Next(input.Count - at + 1);
                input.InsertRange(_random.Next(input.Count + 1), input.GetRange(at, length));
                break;
            case 5:
                input.InsertRange(at, Pick(corpus));
                break;
            default:
                input.InsertRange(at, Enumerable.Repeat((byte)_random.Next(256), _random.Next(1, 300)));
                break;
        }
    }

    private byte[] Pick(IReadOnlyList<byte[]> from) => from[_random.Next(from.Count)];
}
