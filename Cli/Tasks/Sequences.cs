using Edifice.Engine;

namespace Edifice.Cli.Tasks;

/// <summary>Building blocks of the tasks: rows of tokens and targets under construction, and draws.</summary>
internal sealed class Sequences
{
    /// <summary>The target of a position nobody asks about.</summary>
    public const long NotScored = -100;

    private readonly int _batch;
    private readonly int _length;
    private readonly long[] _tokens;
    private readonly long[] _targets;

    public Sequences(int batch, int length)
    {
        (_batch, _length) = (batch, length);
        _tokens = new long[batch * length];
        _targets = new long[batch * length];
        Array.Fill(_targets, NotScored);
    }

    public Span<long> Tokens(int row) => _tokens.AsSpan(row * _length, _length);

    public Span<long> Targets(int row) => _targets.AsSpan(row * _length, _length);

    public Batch ToBatch() => new(Tensor.FromArray(_tokens, [_batch, _length]), Tensor.FromArray(_targets, [_batch, _length]));

    public Batch ToBatch(long[] classes) => new(Tensor.FromArray(_tokens, [_batch, _length]), Tensor.FromArray(classes, [_batch]));

    /// <summary>Different whole numbers of [low, high), in random order.</summary>
    public static int[] Distinct(Generator random, int low, int high, int count)
    {
        // Floyd's method would keep fewer numbers, but the ranges here are small.
        var pool = new int[high - low];
        for (var i = 0; i < pool.Length; i++) pool[i] = low + i;
        for (var i = 0; i < count; i++)
        {
            var j = i + random.NextInt(pool.Length - i);
            (pool[i], pool[j]) = (pool[j], pool[i]);
        }

        return pool[..count];
    }
}
