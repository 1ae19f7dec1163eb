using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Registers of double that are read from and written to float or double memory.</summary>
internal static unsafe class Widening
{
    /// <summary>Reads <c>V.Count</c> elements, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<V, T>(T* p) where V : unmanaged, ILanes<V, double> where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return V.Load((double*)p);
        if (typeof(V) == typeof(Lanes512<double>))
            return As<Lanes512<double>, V>(new(Avx512F.ConvertToVector512Double(Vector256.Load((float*)p))));
        if (typeof(V) == typeof(Lanes256<double>))
            return As<Lanes256<double>, V>(new(Avx.ConvertToVector256Double(Vector128.Load((float*)p))));
        if (typeof(V) == typeof(Lanes128<double>))
            return As<Lanes128<double>, V>(new(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(double*)p).AsSingle())));
        throw new NotSupportedException();
    }

    /// <summary>Reads n elements (0 ≤ n ≤ <c>V.Count</c>), exactly; the other lanes are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V LoadPartial<V, T>(T* p, int n) where V : unmanaged, ILanes<V, double> where T : unmanaged
    {
        if (typeof(T) == typeof(double)) return V.LoadPartial((double*)p, n);
        if (typeof(V) == typeof(Lanes512<double>))
            return As<Lanes512<double>, V>(new(Avx512F.ConvertToVector512Double(Lanes256<float>.LoadPartial((float*)p, n).Vector)));
        if (typeof(V) == typeof(Lanes256<double>))
            return As<Lanes256<double>, V>(new(Avx.ConvertToVector256Double(Lanes128<float>.LoadPartial((float*)p, n).Vector)));
        if (typeof(V) == typeof(Lanes128<double>))
            return As<Lanes128<double>, V>(new(Vector128.WidenLower(Lanes128<float>.LoadPartial((float*)p, n).Vector)));
        throw new NotSupportedException();
    }

    /// <summary>Writes all lanes, rounded to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<V, T>(V v, T* p) where V : unmanaged, ILanes<V, double> where T : unmanaged
    {
        if (typeof(T) == typeof(double)) V.Store(v, (double*)p);
        else if (typeof(V) == typeof(Lanes512<double>))
            Avx512F.ConvertToVector256Single(As<V, Lanes512<double>>(v).Vector).Store((float*)p);
        else if (typeof(V) == typeof(Lanes256<double>))
            Avx.ConvertToVector128Single(As<V, Lanes256<double>>(v).Vector).Store((float*)p);
        else if (typeof(V) == typeof(Lanes128<double>))
            *(double*)p = Vector128.Narrow(As<V, Lanes128<double>>(v).Vector, default).AsDouble().ToScalar();
        else throw new NotSupportedException();
    }

    /// <summary>Reads n elements; without a mask where n is the constant <c>V.Count</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Load<V, T>(T* p, int n) where V : unmanaged, ILanes<V, double> where T : unmanaged =>
        n == V.Count ? Load<V, T>(p) : LoadPartial<V, T>(p, n);

    /// <summary>Writes n elements; without a mask where n is the constant <c>V.Count</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<V, T>(V v, T* p, int n) where V : unmanaged, ILanes<V, double> where T : unmanaged
    {
        if (n == V.Count) Store(v, p);
        else StorePartial(v, p, n);
    }

    /// <summary>Writes the first n lanes (0 ≤ n ≤ <c>V.Count</c>), rounded to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial<V, T>(V v, T* p, int n) where V : unmanaged, ILanes<V, double> where T : unmanaged
    {
        if (typeof(T) == typeof(double)) V.StorePartial(v, (double*)p, n);
        else if (typeof(V) == typeof(Lanes512<double>))
            Lanes256<float>.StorePartial(new(Avx512F.ConvertToVector256Single(As<V, Lanes512<double>>(v).Vector)), (float*)p, n);
        else if (typeof(V) == typeof(Lanes256<double>))
            Lanes128<float>.StorePartial(new(Avx.ConvertToVector128Single(As<V, Lanes256<double>>(v).Vector)), (float*)p, n);
        else if (typeof(V) == typeof(Lanes128<double>))
            Lanes128<float>.StorePartial(new(Vector128.Narrow(As<V, Lanes128<double>>(v).Vector, default)), (float*)p, n);
        else throw new NotSupportedException();
    }

    // One type at run time: the tests above are constants to the compiler.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TTo As<TFrom, TTo>(TFrom v) where TFrom : struct where TTo : struct => Unsafe.BitCast<TFrom, TTo>(v);
}
