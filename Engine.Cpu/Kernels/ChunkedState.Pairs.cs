using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Gradients of what goes through decays that differ by channel, inside one chunk.</summary>
/// <remarks>
/// <para>A key fades from the step that writes it to the end of the chunk. Backwards, the derivative by the faded key starts as what
/// the steps after the chunk ask of it, collects what each step's queries ask, and fades alike. Where the two meet, at step t, their
/// product is what the decay of step t receives: sums of products only, so the gradient of a decay is free of cancellation and of
/// divisions, also where a factor is 0. The state before the chunk takes part as one key more.</para>
/// <para>Work goes by registers of channels; for each, the faded keys of all pairs of steps stay in the innermost cache. Sums run over the
/// steps in ascending order for queries, descending for keys and decays.</para>
/// </remarks>
internal static unsafe class ChunkPairs<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private const int Rows = ChunkedStateTile<V, T>.Rows;

    /// <summary>Elements of memory for the faded keys.</summary>
    public static long TableSize => (long)Rows * Rows * V.Count;

    /// <summary>The part of the state before the chunk: sets dq, da, dfade.</summary>
    /// <param name="steps">The chunk.</param>
    /// <param name="meeting">Per channel Σ_j S[i, j] R[i, j] of the state before the chunk and the derivative by the state after.</param>
    /// <param name="fromState">[16, dk]: dout_t Sᵀ; becomes the gradient of the scaled q.</param>
    /// <param name="readState">dz_t Sᵀ for the delta rule; becomes the gradient of a.</param>
    /// <param name="dFade">Receives the gradient of the factors.</param>
    /// <param name="table">Memory.</param>
    public static void Start(in ChunkedStateTile<V, T> steps, T* meeting, T* fromState, T* readState, T* dFade, T* table)
    {
        nint pitch = steps.KeyPitch;
        for (nint x = 0; x < pitch; x += V.Count)
        {
            var decay = V.Const(1);
            for (var t = 0; t < steps.Count; t++)
            {
                V.Store(decay, table + t * V.Count);
                decay *= V.Load(steps.Fades + t * pitch + x);
            }

            var asked = V.Load(meeting + x);
            for (var t = steps.Count - 1; t >= 0; t--)
            {
                var at = t * pitch + x;
                V fade = V.Load(steps.Fades + at), before = V.Load(table + t * V.Count), y = V.Load(fromState + at);
                asked = V.MultiplyAdd(V.Load(steps.Q + at), y, asked);
                V.Store(asked * before, dFade + at);
                asked *= fade;
                V.Store(y * (before * fade), fromState + at);
                if (readState == null) continue;
                var z = V.Load(readState + at);
                asked = V.MultiplyAdd(V.Load(steps.A + at), z, asked);
                V.Store(z * before, readState + at);
            }
        }
    }

    /// <summary>The part of the keys written in the chunk: adds to dq, da and dfade.</summary>
    /// <param name="steps">The chunk.</param>
    /// <param name="keys">k or b.</param>
    /// <param name="dAfter">[16, 16]: derivatives of the scores of q.</param>
    /// <param name="dBefore">Of those of a; null where there is no delta rule.</param>
    /// <param name="dQuery">[16, dk].</param>
    /// <param name="dReader">[16, dk]; null with <paramref name="dBefore"/>.</param>
    /// <param name="dKeys">Holds what the state after the chunk asks of each key before it has faded; becomes the gradient of the
    /// keys.</param>
    /// <param name="dFade">[16, dk].</param>
    /// <param name="table">Memory.</param>
    public static void Add(in ChunkedStateTile<V, T> steps, T* keys, T* dAfter, T* dBefore, T* dQuery, T* dReader, T* dKeys, T* dFade, T* table)
    {
        for (var x = 0; x < steps.KeyPitch; x += V.Count)
        {
            if (dBefore == null)
            {
                Forth<N0>(steps, x, keys, dAfter, dBefore, dQuery, dReader, table);
                Back<N0>(steps, x, dAfter, dBefore, dKeys, dFade, table);
            }
            else
            {
                Forth<N1>(steps, x, keys, dAfter, dBefore, dQuery, dReader, table);
                Back<N1>(steps, x, dAfter, dBefore, dKeys, dFade, table);
            }
        }
    }

    /// <summary>Lets the keys fade, noting every stage in the table (at step t that of all keys up to t), and sums what they give to the
    /// queries.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forth<Both>(in ChunkedStateTile<V, T> steps, nint x, T* keys, T* dAfter, T* dBefore, T* dQuery, T* dReader, T* table)
        where Both : ICount
    {
        nint pitch = steps.KeyPitch;
        for (var t = 0; t < steps.Count; t++, dAfter += Rows, dBefore += Rows)
        {
            var at = t * pitch + x;
            V fade = V.Load(steps.Fades + at), dq = V.Load(dQuery + at), da = Both.Value > 0 ? V.Load(dReader + at) : V.Zero;
            T* now = table + t * Rows * V.Count, last = now - Rows * V.Count;
            for (var s = 0; s < t; s++, now += V.Count, last += V.Count)
            {
                var key = V.Load(last);
                if (Both.Value > 0) da = V.MultiplyAdd(V.Splat(dBefore[s]), key, da);
                key *= fade;
                V.Store(key, now);
                dq = V.MultiplyAdd(V.Splat(dAfter[s]), key, dq);
            }

            var own = V.Load(keys + at);
            V.Store(own, now);
            V.Store(V.MultiplyAdd(V.Splat(dAfter[t]), own, dq), dQuery + at);
            if (Both.Value > 0) V.Store(da, dReader + at);
        }
    }

    /// <summary>Lets the derivatives of the faded keys run back to the steps that wrote them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Back<Both>(in ChunkedStateTile<V, T> steps, nint x, T* dAfter, T* dBefore, T* dKeys, T* dFade, T* table)
        where Both : ICount
    {
        nint pitch = steps.KeyPitch;
        for (var t = steps.Count - 1; t >= 0; t--)
        {
            var at = t * pitch + x;
            V fade = V.Load(steps.Fades + at), query = V.Load(steps.Q + at), reader = Both.Value > 0 ? V.Load(steps.A + at) : V.Zero;
            var sum = V.Load(dFade + at);
            T* after = dAfter + t * Rows, before = dBefore + t * Rows, faded = table + (t - 1) * Rows * V.Count, d = dKeys + x;
            for (var s = 0; s < t; s++, d += pitch, faded += V.Count)
            {
                var asked = V.MultiplyAdd(V.Splat(after[s]), query, V.Load(d));
                sum = V.MultiplyAdd(asked, V.Load(faded), sum);
                asked *= fade;
                if (Both.Value > 0) asked = V.MultiplyAdd(V.Splat(before[s]), reader, asked);
                V.Store(asked, d);
            }

            V.Store(V.MultiplyAdd(V.Splat(after[t]), query, V.Load(d)), d);
            V.Store(sum, dFade + at);
        }
    }
}
