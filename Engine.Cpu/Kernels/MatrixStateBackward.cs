using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Backward pass of the matrix-state recurrence, step by step: segments from last to first, each rebuilt from its kept
/// state.</summary>
internal unsafe struct MatrixStateBackward<V, T> : ITiles
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public MatrixStateProblem<T>* Problem;

    public readonly void Run(long tile)
    {
        var p = Problem;
        long batch = tile / p->Heads, head = tile % p->Heads;
        int rows = p->KeyWidth, width = p->ValueWidth, stride = Registers.Whole<V, T>(width), spacing = p->Spacing;
        long size = (long)rows * stride;
        // States before and after each step of a segment, the derivative by the state, and rows of vectors.
        using var scratch = new Scratch<T>((spacing + 2) * size + (spacing + 4L) * stride + (spacing + 1L) * rows);
        T* states = scratch.Pointer, r = states + (spacing + 1) * size, us = r + size;
        T* value = us + (long)spacing * stride, dOut = value + stride, dValue = dOut + stride, du = dValue + stride;
        T* fades = du + stride, query = fades + (long)spacing * rows;
        new Span<T>(states, checked((int)((spacing + 2) * size + (spacing + 4L) * stride))).Clear();
        if (p->DFinal != null) p->Load(p->DFinal + p->State(batch, head), 0, width, r, stride);
        var scale = T.CreateChecked(p->Scale);
        for (var segment = p->KeptCount - 1; segment >= 0; segment--)
        {
            int first = segment * spacing, last = Math.Min(p->Length, first + spacing);
            p->Load(p->Kept + p->KeptState(batch, head, segment), 0, width, states, stride);
            for (var t = first; t < last; t++)
            {
                var n = t - first;
                var key = p->Key(batch, t, head);
                T* before = states + n * size, u = us + (long)n * stride, fade = fades + (long)n * rows;
                p->Fade<V>(batch, t, head, fade, 1);
                new Span<T>(p->V + p->Value(batch, t, head), width).CopyTo(new Span<T>(value, width));
                if (p->A != null) MatrixStateStep<V, T>.Read(before, p->A + key, rows, stride, u);
                MatrixStateStep<V, T>.Advance(
                    before, before + size, fade, p->K + key, value, p->B == null ? null : p->B + key, u, null, null, rows, stride);
            }

            for (var t = last - 1; t >= first; t--)
            {
                var n = t - first;
                var key = p->Key(batch, t, head);
                var at = p->Value(batch, t, head);
                T* before = states + n * size, after = before + size, u = us + (long)n * stride, fade = fades + (long)n * rows;
                for (var i = 0; i < rows; i++) query[i] = scale * p->Q[key + i];
                new Span<T>(p->V + at, width).CopyTo(new Span<T>(value, width));
                new Span<T>(p->DOut + at, width).CopyTo(new Span<T>(dOut, width));
                Retreat(key, before, after, r, fade, query, value, u, dOut, dValue, du, scale, rows, stride);
                new Span<T>(dValue, width).CopyTo(new Span<T>(p->DV + at, width));
            }
        }

        if (p->DInitial != null) p->Save(r, stride, p->DInitial + p->State(batch, head), 0, width);
    }

    /// <summary>One step backwards: P = R + qᵀ dout, the gradients of the step, R = diag(fade) P (+ aᵀ du).</summary>
    private readonly void Retreat(
        long key, T* before, T* after, T* r, T* fade, T* query, T* value, T* u, T* dOut, T* dValue, T* du, T scale, int rows, int stride)
    {
        var p = Problem;
        var delta = p->A != null;
        new Span<T>(dValue, stride).Clear();
        if (delta) new Span<T>(du, stride).Clear();
        for (var i = 0; i < rows; i++)
        {
            V qi = V.Splat(query[i]), ki = V.Splat(p->K[key + i]), wi = V.Splat(fade[i]), bi = delta ? V.Splat(p->B[key + i]) : V.Zero;
            V dqi = V.Zero, dki = V.Zero, dwi = V.Zero, dbi = V.Zero;
            T* ri = r + (long)i * stride, si = after + (long)i * stride, pi = before + (long)i * stride;
            for (var j = 0; j < stride; j += V.Count)
            {
                var g = V.Load(dOut + j);
                var total = V.MultiplyAdd(qi, g, V.Load(ri + j));
                dqi = V.MultiplyAdd(g, V.Load(si + j), dqi);
                dki = V.MultiplyAdd(V.Load(value + j), total, dki);
                dwi = V.MultiplyAdd(total, V.Load(pi + j), dwi);
                V.Store(V.MultiplyAdd(ki, total, V.Load(dValue + j)), dValue + j);
                if (delta)
                {
                    dbi = V.MultiplyAdd(V.Load(u + j), total, dbi);
                    V.Store(V.MultiplyAdd(bi, total, V.Load(du + j)), du + j);
                }

                V.Store(wi * total, ri + j);
            }

            p->DQ[key + i] = scale * V.Sum(dqi);
            p->DK[key + i] = V.Sum(dki);
            if (p->DDecay != null) p->DDecay[key + i] = p->Kind == StateDecayKind.Log ? fade[i] * V.Sum(dwi) : V.Sum(dwi);
            if (delta) p->DB[key + i] = V.Sum(dbi);
        }

        if (!delta) return;
        for (var i = 0; i < rows; i++)
        {
            V ai = V.Splat(p->A[key + i]), dai = V.Zero;
            T* ri = r + (long)i * stride, pi = before + (long)i * stride;
            for (var j = 0; j < stride; j += V.Count)
            {
                var d = V.Load(du + j);
                dai = V.MultiplyAdd(d, V.Load(pi + j), dai);
                V.Store(V.MultiplyAdd(ai, d, V.Load(ri + j)), ri + j);
            }

            p->DA[key + i] = V.Sum(dai);
        }
    }
}
