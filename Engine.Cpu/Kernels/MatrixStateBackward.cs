using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;
using Edifice.Engine.Cpu.Threads;
using static Edifice.Engine.Cpu.Memory.Operand;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Backward pass of the matrix-state recurrence: segments from last to first, each rebuilt from its kept state.</summary>
internal static unsafe class MatrixStateBackward<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static void Run(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial)
    {
        fixed (T* pdo = &First<T>(dout), pdf = &First<T>(dfinal), pq = &First<T>(q), pk = &First<T>(k))
        fixed (T* pv = &First<T>(v), pDecay = &First<T>(decay), pa = &First<T>(a), pb = &First<T>(b), pKept = &First<T>(kept))
        fixed (T* pdq = &First<T>(dq), pdk = &First<T>(dk), pdv = &First<T>(dv))
        fixed (T* pdd = &First<T>(ddecay), pda = &First<T>(da), pdb = &First<T>(db), pdi = &First<T>(dinitial))
        fixed (double* factors = spec.HeadFactors)
        {
            var action = new Tiles
            {
                Operands = new MatrixStateOperands<T>
                {
                    Q = pq, K = pk, V = pv, Decay = pDecay, A = pa, B = pb, Kept = pKept, HeadFactors = factors,
                    Kind = spec.Decay, Scale = spec.Scale, Batch = q.Layout.Dims[0], Length = q.Layout.Dims[1], Heads = q.Layout.Dims[2],
                    KeyWidth = q.Layout.Dims[3], ValueWidth = v.Layout.Dims[3], Spacing = CpuBackend.Instance.MatrixStateSpacing,
                },
                DOut = pdo, DFinal = pdf, DQ = pdq, DK = pdk, DV = pdv, DDecay = pdd, DA = pda, DB = pdb, DInitial = pdi,
            };
            var tiles = (long)action.Operands.Batch * action.Operands.Heads;
            var cost = 0.8 * action.Operands.Length * action.Operands.KeyWidth * action.Operands.ValueWidth;
            WorkerPool.For(tiles, cost, ref action);
        }
    }

    private struct Tiles : ITiles
    {
        public MatrixStateOperands<T> Operands;
        public T* DOut, DFinal, DQ, DK, DV, DDecay, DA, DB, DInitial;

        public void Run(long tile)
        {
            var action = new Tile { All = this, Batch = tile / Operands.Heads, Head = tile % Operands.Heads };
            Isa.Run<T, Tile>(ref action);
        }
    }

    private struct Tile : ILanesAction<T>
    {
        public Tiles All;
        public long Batch, Head;

        public readonly void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            ref readonly var x = ref All.Operands;
            int rows = x.KeyWidth, width = x.ValueWidth, stride = (width + V.Count - 1) / V.Count * V.Count;
            long size = (long)rows * stride;
            // States before and after each step of a segment, the derivative by the state, and rows of vectors.
            using var scratch = new Scratch<T>((x.Spacing + 2) * size + (x.Spacing + 4L) * stride + (x.Spacing + 1L) * rows);
            T* states = scratch.Pointer, r = states + (x.Spacing + 1) * size, us = r + size;
            T* value = us + (long)x.Spacing * stride, dOut = value + stride, dValue = dOut + stride, du = dValue + stride;
            T* fades = du + stride, query = fades + (long)x.Spacing * rows;
            new Span<T>(states, checked((int)((x.Spacing + 2) * size + (x.Spacing + 4L) * stride))).Clear();
            var packed = (Batch * x.Heads + Head) * rows * width;
            if (All.DFinal != null) MatrixStateForward<T>.Load(All.DFinal + packed, r, rows, width, stride);
            var scale = T.CreateChecked(x.Scale);
            for (var segment = x.KeptCount - 1; segment >= 0; segment--)
            {
                int first = segment * x.Spacing, last = Math.Min(x.Length, first + x.Spacing);
                MatrixStateForward<T>.Load(
                    x.Kept + ((Batch * x.Heads + Head) * x.KeptCount + segment) * rows * width, states, rows, width, stride);
                for (var t = first; t < last; t++)
                {
                    var n = t - first;
                    var key = x.Key(Batch, t, Head);
                    T* before = states + n * size, u = us + (long)n * stride, fade = fades + (long)n * rows;
                    x.Fade(Batch, t, Head, fade);
                    new Span<T>(x.V + x.Value(Batch, t, Head), width).CopyTo(new Span<T>(value, width));
                    if (x.A != null) MatrixStateStep<V, T>.Read(before, x.A + key, rows, stride, u);
                    MatrixStateStep<V, T>.Advance(
                        before, before + size, fade, x.K + key, value, x.B == null ? null : x.B + key, u, null, null, rows, stride);
                }

                for (var t = last - 1; t >= first; t--)
                {
                    var n = t - first;
                    var key = x.Key(Batch, t, Head);
                    var at = x.Value(Batch, t, Head);
                    T* before = states + n * size, after = before + size, u = us + (long)n * stride, fade = fades + (long)n * rows;
                    for (var i = 0; i < rows; i++) query[i] = scale * x.Q[key + i];
                    new Span<T>(x.V + at, width).CopyTo(new Span<T>(value, width));
                    new Span<T>(All.DOut + at, width).CopyTo(new Span<T>(dOut, width));
                    Retreat<V>(key, before, after, r, fade, query, value, u, dOut, dValue, du, scale, rows, stride);
                    new Span<T>(dValue, width).CopyTo(new Span<T>(All.DV + at, width));
                }
            }

            if (All.DInitial != null) MatrixStateForward<T>.Save(r, All.DInitial + packed, rows, width, stride);
        }

        /// <summary>One step backwards: P = R + qᵀ dout, the gradients of the step, R = diag(fade) P (+ aᵀ du).</summary>
        private readonly void Retreat<V>(
            long key, T* before, T* after, T* r, T* fade, T* query, T* value, T* u, T* dOut, T* dValue, T* du, T scale, int rows, int stride)
            where V : unmanaged, ILanes<V, T>
        {
            ref readonly var x = ref All.Operands;
            var delta = x.A != null;
            new Span<T>(dValue, stride).Clear();
            if (delta) new Span<T>(du, stride).Clear();
            for (var i = 0; i < rows; i++)
            {
                V qi = V.Splat(query[i]), ki = V.Splat(x.K[key + i]), wi = V.Splat(fade[i]), bi = delta ? V.Splat(x.B[key + i]) : V.Zero;
                V dqi = V.Zero, dki = V.Zero, dwi = V.Zero, dbi = V.Zero;
                T* ri = r + (long)i * stride, si = after + (long)i * stride, pi = before + (long)i * stride;
                for (var j = 0; j < stride; j += V.Count)
                {
                    var g = V.Load(dOut + j);
                    var p = V.MultiplyAdd(qi, g, V.Load(ri + j));
                    dqi = V.MultiplyAdd(g, V.Load(si + j), dqi);
                    dki = V.MultiplyAdd(V.Load(value + j), p, dki);
                    dwi = V.MultiplyAdd(p, V.Load(pi + j), dwi);
                    V.Store(V.MultiplyAdd(ki, p, V.Load(dValue + j)), dValue + j);
                    if (delta)
                    {
                        dbi = V.MultiplyAdd(V.Load(u + j), p, dbi);
                        V.Store(V.MultiplyAdd(bi, p, V.Load(du + j)), du + j);
                    }

                    V.Store(wi * p, ri + j);
                }

                All.DQ[key + i] = scale * V.Sum(dqi);
                All.DK[key + i] = V.Sum(dki);
                if (All.DDecay != null) All.DDecay[key + i] = x.Kind == StateDecayKind.Log ? fade[i] * V.Sum(dwi) : V.Sum(dwi);
                if (delta) All.DB[key + i] = V.Sum(dbi);
            }

            if (!delta) return;
            for (var i = 0; i < rows; i++)
            {
                V ai = V.Splat(x.A[key + i]), dai = V.Zero;
                T* ri = r + (long)i * stride, pi = before + (long)i * stride;
                for (var j = 0; j < stride; j += V.Count)
                {
                    var d = V.Load(du + j);
                    dai = V.MultiplyAdd(d, V.Load(pi + j), dai);
                    V.Store(V.MultiplyAdd(ai, d, V.Load(ri + j)), ri + j);
                }

                All.DA[key + i] = V.Sum(dai);
            }
        }
    }
}
