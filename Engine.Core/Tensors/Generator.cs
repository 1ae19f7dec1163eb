namespace Edifice.Engine;

/// <summary>The whole state of a <see cref="Generator"/>: saved with a checkpoint, a run resumes with the same numbers.</summary>
public readonly record struct RandomState(ulong Seed, ulong Offset);

/// <summary>A stream of random numbers: a Philox seed and how many elements were drawn.</summary>
public sealed class Generator
{
    [ThreadStatic] private static Generator? s_current;

    private ulong _offset;

    /// <summary>Starts a stream.</summary>
    public Generator(ulong seed) => Seed = seed;

    /// <summary>The stream that calls without an explicit generator draw from; one per thread, seed 0 at first.</summary>
    public static Generator Current => s_current ??= new Generator(0);

    /// <summary>The seed.</summary>
    public ulong Seed { get; private set; }

    /// <summary>Restarts this thread's stream.</summary>
    public static void Seeded(ulong seed) => Current.Restore(new RandomState(seed, 0));

    /// <summary>Takes <paramref name="count"/> elements; returns the first one's index. Ranges start at even indices so
    /// that normal pairs are not split.</summary>
    public ulong Advance(long count)
    {
        var start = _offset;
        _offset += (ulong)(count + (count & 1));
        return start;
    }

    /// <summary>The state, to be restored later.</summary>
    public RandomState Save() => new(Seed, _offset);

    /// <summary>Goes back to a saved state.</summary>
    public void Restore(RandomState state)
    {
        Seed = state.Seed;
        _offset = state.Offset;
    }

    /// <summary>One uniform number on [0, 1).</summary>
    public double NextDouble() => Philox.Uniform(Seed, Advance(1));

    /// <summary>One integer on [0, <paramref name="bound"/>).</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (int)Math.BigMul(Philox.Bits(Seed, Advance(1)), (ulong)bound, out _);
    }
}
