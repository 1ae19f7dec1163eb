using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

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
