using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels.Fourier;

/// <summary>What is done to an output of a butterfly on its way to memory.</summary>
internal unsafe interface ITwiddle<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    /// <summary>Stores (re, im), multiplied by output j's factor, at <paramref name="p"/>.</summary>
    static abstract void Store(V re, V im, T* p, nint imaginary, T* twiddles, int j);
}

/// <summary>Multiplies by a factor from the table (the same in all lanes).</summary>
internal readonly unsafe struct Twiddled<V, T> : ITwiddle<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V re, V im, T* p, nint imaginary, T* twiddles, int j)
    {
        V c = V.Splat(twiddles[2 * j - 2]), s = V.Splat(twiddles[2 * j - 1]);
        V.Store(V.MultiplyAdd(-im, s, re * c), p);
        V.Store(V.MultiplyAdd(im, c, re * s), p + imaginary);
    }
}

/// <summary>The last pass: all factors are 1.</summary>
internal readonly unsafe struct Untwiddled<V, T> : ITwiddle<V, T>
    where V : unmanaged, ILanes<V, T>
    where T : unmanaged
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(V re, V im, T* p, nint imaginary, T* twiddles, int j)
    {
        V.Store(re, p);
        V.Store(im, p + imaginary);
    }
}
