using System.Numerics;
using System.Runtime.CompilerServices;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Σ x.</summary>
internal readonly unsafe struct SumFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static T Empty => T.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.Sum(v);
    public static T Finish(T total, long n) => total;
}

/// <summary>Σ x / N.</summary>
internal readonly unsafe struct MeanFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static T Empty => T.NaN;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.Sum(v);
    public static T Finish(T total, long n) => total / T.CreateChecked(n);
}

/// <summary>Π x.</summary>
internal readonly unsafe struct ProductFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Splat(T.One); }
    public static T Empty => T.One;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a * b;

    public static T Across(V v)
    {
        var lanes = stackalloc T[V.Count];
        V.Store(v, lanes);
        for (var half = V.Count / 2; half > 0; half /= 2)
            for (var i = 0; i < half; i++) lanes[i] *= lanes[i + half];
        return *lanes;
    }

    public static T Finish(T total, long n) => total;
}

/// <summary>Largest; NaN if there is one.</summary>
internal readonly unsafe struct MaxFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>, IMinMaxValue<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Splat(Empty); }
    public static T Empty { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => typeof(T) == typeof(float) || typeof(T) == typeof(double) ? T.CreateChecked(double.NegativeInfinity) : T.MinValue; }
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => V.Max(a, b);
    public static bool HasCombineNumbers => typeof(T) == typeof(float) || typeof(T) == typeof(double);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V CombineNumbers(V a, V b) => V.MaxNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.MaxLane(v);
    public static T Finish(T total, long n) => total;
}

/// <summary>Smallest; NaN if there is one.</summary>
internal readonly unsafe struct MinFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>, IMinMaxValue<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Splat(Empty); }
    public static T Empty { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => typeof(T) == typeof(float) || typeof(T) == typeof(double) ? T.CreateChecked(double.PositiveInfinity) : T.MaxValue; }
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => V.Min(a, b);
    public static bool HasCombineNumbers => typeof(T) == typeof(float) || typeof(T) == typeof(double);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V CombineNumbers(V a, V b) => V.MinNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.MinLane(v);
    public static T Finish(T total, long n) => total;
}

/// <summary>Σ |x|.</summary>
internal readonly unsafe struct AbsoluteSumFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static T Empty => T.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Abs(V.Load(p));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.Abs(V.LoadPartial(p, n));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.Sum(v);
    public static T Finish(T total, long n) => total;
}

/// <summary>max |x|; NaN if there is one.</summary>
internal readonly unsafe struct AbsoluteMaxFold<V, T> : IFold<V, T, T, T>
    where V : unmanaged, ILanes<V, T> where T : unmanaged, INumber<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static T Empty => T.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => V.Abs(V.Load(p));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => V.Abs(V.LoadPartial(p, n));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => V.Max(a, b);
    public static bool HasCombineNumbers => typeof(T) == typeof(float) || typeof(T) == typeof(double);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V CombineNumbers(V a, V b) => V.MaxNative(a, b);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static T Across(V v) => V.MaxLane(v);
    public static T Finish(T total, long n) => total;
}

/// <summary>√Σ x² in double, of double or float elements: the square of any float is exact there and cannot overflow.</summary>
internal readonly unsafe struct EuclideanFold<V, T> : IFold<V, T, double, T>
    where V : unmanaged, ILanes<V, double> where T : unmanaged, IFloatingPointIeee754<T>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static T Empty => T.Zero;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(T* p) => Squared(Widening.Load<V, T>(p));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(T* p, int n) => Squared(Widening.LoadPartial<V, T>(p, n));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a + b;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static double Across(V v) => V.Sum(v);
    public static T Finish(double total, long n) => T.CreateTruncating(Math.Sqrt(total));
    [MethodImpl(MethodImplOptions.AggressiveInlining)] private static V Squared(V v) => v * v;
}

/// <summary>Whether some entry is true, of bools as bytes 0 and 1.</summary>
internal readonly unsafe struct SomeFold<V> : IFold<V, byte, byte, byte> where V : unmanaged, ILanes<V, byte>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Zero; }
    public static byte Empty => 0;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(byte* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(byte* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a | b;
    public static byte Across(V v) => V.Any(~V.Equal(v, V.Zero)) ? (byte)1 : (byte)0;
    public static byte Finish(byte total, long n) => total;
}

/// <summary>Whether every entry is true, of bools as bytes 0 and 1.</summary>
internal readonly unsafe struct EveryFold<V> : IFold<V, byte, byte, byte> where V : unmanaged, ILanes<V, byte>
{
    public static V Identity { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => V.Splat(1); }
    public static byte Empty => 1;
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Load(byte* p) => V.Load(p);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V LoadPartial(byte* p, int n) => V.LoadPartial(p, n);
    [MethodImpl(MethodImplOptions.AggressiveInlining)] public static V Combine(V a, V b) => a & b;
    public static byte Across(V v) => V.Any(V.Equal(v, V.Zero)) ? (byte)0 : (byte)1;
    public static byte Finish(byte total, long n) => total;
}
