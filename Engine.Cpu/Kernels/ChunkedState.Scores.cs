using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>What the steps of a chunk read of the keys written in the same chunk, decayed on the way channel by channel.</summary>
/// <remarks>
/// <para>The decay between two steps depends on both and on the channel, so this is no matrix product. Lanes hold the keys of all steps,
/// one channel at a time: at every step they fade, the step's own key joins them, and the step's query reads them. All decays are thus
/// running products of factors in [0, 1], as in the recurrence itself; a factor of 0 needs no special case.</para>
/// <para>A score is one chain of fused multiply-adds over ascending channels. With m steps between, a key has been rounded m times:
/// error of a score at most (dk + 2m) u Σ|q||k||decay|, u the unit roundoff, factors taken as given.</para>
/// </remarks>
internal static unsafe class ChunkScores<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Rows = ChunkedStateTile<V, T>.Rows, Block = 8;

    /// <summary>after[t, s] = Σ_i q_t[i] k_s[i] Π_{s&lt;w≤t} f_w[i] for s ≤ t, else 0.</summary>
    /// <param name="width">Channels.</param>
    /// <param name="keys">[channels, 16]: the keys, lanes are steps.</param>
    /// <param name="running">[channels, 16]: memory for the decayed keys.</param>
    /// <param name="masks">From the <see cref="ChunkWorkspace{T}"/>.</param>
    /// <param name="fades">f: [16, channels], rows <paramref name="pitch"/> apart.</param>
    /// <param name="queries">q, likewise.</param>
    /// <param name="pitch">Distance of rows.</param>
    /// <param name="after">[16, 16].</param>
    public static void Run(int width, T* keys, T* running, T* masks, T* fades, T* queries, int pitch, T* after) =>
        Run<N0>(width, keys, running, masks, fades, queries, null, pitch, after, null);

    /// <summary>The same, and before[t, s] = Σ_i a_t[i] k_s[i] Π_{s&lt;w&lt;t} f_w[i] for s &lt; t, else 0: what is read before the
    /// step's own decay.</summary>
    public static void Run(int width, T* keys, T* running, T* masks, T* fades, T* queries, T* readers, int pitch, T* after, T* before) =>
        Run<N1>(width, keys, running, masks, fades, queries, readers, pitch, after, before);

    private static void Run<Both>(
        int width, T* keys, T* running, T* masks, T* fades, T* queries, T* readers, int pitch, T* after, T* before) where Both : ICount
    {
        for (var x = 0; x < Rows; x += V.Count)
        {
            var started = false;
            for (var t = 0; t < Rows; t += Block)
            {
                var to = t * Rows + x;
                if (t + Block <= x)
                {
                    // Keys of later steps.
                    for (var r = 0; r < Block; r++)
                    {
                        V.Store(V.Zero, after + to + r * Rows);
                        if (Both.Value > 0) V.Store(V.Zero, before + to + r * Rows);
                    }

                    continue;
                }

                var row = (nint)t * pitch;
                Eight<Both>(width, keys + x, running + x, started, masks + to, fades + row, queries + row, readers + row, pitch, after + to, before + to);
                started = true;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight<Both>(
        int width, T* keys, T* running, bool started, T* masks, T* fades, T* queries, T* readers, nint row1, T* after, T* before) where Both : ICount
    {
        V q0 = V.Zero, q1 = V.Zero, q2 = V.Zero, q3 = V.Zero, q4 = V.Zero, q5 = V.Zero, q6 = V.Zero, q7 = V.Zero;
        V a0 = V.Zero, a1 = V.Zero, a2 = V.Zero, a3 = V.Zero, a4 = V.Zero, a5 = V.Zero, a6 = V.Zero, a7 = V.Zero;
        // Every third row has a pointer, which fits the addressing modes.
        var row2 = 2 * row1;
        T* fades3 = fades + 3 * row1, fades6 = fades + 6 * row1, queries3 = queries + 3 * row1, queries6 = queries + 6 * row1;
        T* readers3 = readers + 3 * row1, readers6 = readers + 6 * row1;
        for (nint i = 0; i < width; i++, keys += Rows, running += Rows)
        {
            var key = V.Load(keys);
            var k = started ? V.Load(running) : V.Zero;
            if (Both.Value > 0) a0 = V.MultiplyAdd(V.Splat(readers[i]), k, a0);
            k = V.MultiplyAdd(V.Splat(fades[i]), k, key & V.Load(masks));
            q0 = V.MultiplyAdd(V.Splat(queries[i]), k, q0);
            if (Both.Value > 0) a1 = V.MultiplyAdd(V.Splat(readers[i + row1]), k, a1);
            k = V.MultiplyAdd(V.Splat(fades[i + row1]), k, key & V.Load(masks + Rows));
            q1 = V.MultiplyAdd(V.Splat(queries[i + row1]), k, q1);
            if (Both.Value > 0) a2 = V.MultiplyAdd(V.Splat(readers[i + row2]), k, a2);
            k = V.MultiplyAdd(V.Splat(fades[i + row2]), k, key & V.Load(masks + 2 * Rows));
            q2 = V.MultiplyAdd(V.Splat(queries[i + row2]), k, q2);
            if (Both.Value > 0) a3 = V.MultiplyAdd(V.Splat(readers3[i]), k, a3);
            k = V.MultiplyAdd(V.Splat(fades3[i]), k, key & V.Load(masks + 3 * Rows));
            q3 = V.MultiplyAdd(V.Splat(queries3[i]), k, q3);
            if (Both.Value > 0) a4 = V.MultiplyAdd(V.Splat(readers3[i + row1]), k, a4);
            k = V.MultiplyAdd(V.Splat(fades3[i + row1]), k, key & V.Load(masks + 4 * Rows));
            q4 = V.MultiplyAdd(V.Splat(queries3[i + row1]), k, q4);
            if (Both.Value > 0) a5 = V.MultiplyAdd(V.Splat(readers3[i + row2]), k, a5);
            k = V.MultiplyAdd(V.Splat(fades3[i + row2]), k, key & V.Load(masks + 5 * Rows));
            q5 = V.MultiplyAdd(V.Splat(queries3[i + row2]), k, q5);
            if (Both.Value > 0) a6 = V.MultiplyAdd(V.Splat(readers6[i]), k, a6);
            k = V.MultiplyAdd(V.Splat(fades6[i]), k, key & V.Load(masks + 6 * Rows));
            q6 = V.MultiplyAdd(V.Splat(queries6[i]), k, q6);
            if (Both.Value > 0) a7 = V.MultiplyAdd(V.Splat(readers6[i + row1]), k, a7);
            k = V.MultiplyAdd(V.Splat(fades6[i + row1]), k, key & V.Load(masks + 7 * Rows));
            q7 = V.MultiplyAdd(V.Splat(queries6[i + row1]), k, q7);
            V.Store(k, running);
        }

        Store(after, q0, q1, q2, q3, q4, q5, q6, q7);
        if (Both.Value > 0) Store(before, a0, a1, a2, a3, a4, a5, a6, a7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(T* to, V x0, V x1, V x2, V x3, V x4, V x5, V x6, V x7)
    {
        V.Store(x0, to);
        V.Store(x1, to + Rows);
        V.Store(x2, to + 2 * Rows);
        V.Store(x3, to + 3 * Rows);
        V.Store(x4, to + 4 * Rows);
        V.Store(x5, to + 5 * Rows);
        V.Store(x6, to + 6 * Rows);
        V.Store(x7, to + 7 * Rows);
    }
}
