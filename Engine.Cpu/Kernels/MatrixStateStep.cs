using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Extents and operands that the forward and the backward pass of the matrix-state recurrence share.</summary>
internal unsafe struct MatrixStateOperands<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* Q, K, V, Decay, A, B, Initial, Kept;
    public double* HeadFactors;
    public StateDecayKind Kind;
    public double Scale;
    public int Batch, Length, Heads, KeyWidth, ValueWidth, Spacing;

    /// <summary>Values per state row in scratch memory: whole registers, the surplus zero.</summary>
    public int RowStride;

    public readonly int KeptCount => (Length + Spacing - 1) / Spacing;

    public readonly long Key(long batch, int t, long head) => ((batch * Length + t) * Heads + head) * KeyWidth;

    public readonly long Value(long batch, int t, long head) => ((batch * Length + t) * Heads + head) * ValueWidth;

    /// <summary>The factors by which the rows of the state fade at a step, as numbers.</summary>
    public readonly void Fade(long batch, int t, long head, T* factors)
    {
        switch (Kind)
        {
            case StateDecayKind.None:
                new Span<T>(factors, KeyWidth).Fill(T.One);
                break;
            case StateDecayKind.PerHead:
                new Span<T>(factors, KeyWidth).Fill(T.CreateChecked(HeadFactors[head]));
                break;
            case StateDecayKind.Gate:
                new Span<T>(Decay + Key(batch, t, head), KeyWidth).CopyTo(new Span<T>(factors, KeyWidth));
                break;
            default:
                var exp = new ExpRow { Source = Decay + Key(batch, t, head), Target = factors, Count = KeyWidth };
                Isa.Run<T, ExpRow>(ref exp);
                break;
        }
    }

    private struct ExpRow : ILanesAction<T>
    {
        public T* Source, Target;
        public int Count;

        public void Invoke<V>() where V : unmanaged, ILanes<V, T>
        {
            for (var i = 0; i < Count; i += V.Count)
            {
                var n = Math.Min(V.Count, Count - i);
                V.StorePartial(LaneMath.Exp<V, T>(V.LoadPartial(Source + i, n)), Target + i, n);
            }
        }
    }
}

/// <summary>One step of the state on rows of whole registers.</summary>
internal static unsafe class MatrixStateStep<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    /// <summary>u = a S: what the delta rule reads before the decay.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(T* state, T* a, int rows, int stride, T* u)
    {
        for (var j = 0; j < stride; j += V.Count)
        {
            var sum = V.Zero;
            for (var i = 0; i < rows; i++) sum = V.MultiplyAdd(V.Splat(a[i]), V.Load(state + (long)i * stride + j), sum);
            V.Store(sum, u + j);
        }
    }

    /// <summary>Writes target = diag(fade) source + kᵀ v (+ bᵀ u) and, when q is given, o = q target.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Advance(T* source, T* target, T* fade, T* k, T* v, T* b, T* u, T* q, T* o, int rows, int stride)
    {
        for (var j = 0; j < stride; j += V.Count)
        {
            V value = V.Load(v + j), delta = b == null ? V.Zero : V.Load(u + j), sum = V.Zero;
            for (var i = 0; i < rows; i++)
            {
                var s = V.MultiplyAdd(V.Splat(k[i]), value, V.Splat(fade[i]) * V.Load(source + (long)i * stride + j));
                if (b != null) s = V.MultiplyAdd(V.Splat(b[i]), delta, s);
                V.Store(s, target + (long)i * stride + j);
                if (q != null) sum = V.MultiplyAdd(V.Splat(q[i]), s, sum);
            }

            if (q != null) V.Store(sum, o + j);
        }
    }
}
