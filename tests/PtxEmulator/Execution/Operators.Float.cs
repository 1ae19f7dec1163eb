using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace PtxEmulator.Execution;

internal readonly struct Add<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a + b;
}

internal readonly struct Subtract<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a - b;
}

internal readonly struct Multiply<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a * b;
}

internal readonly struct Divide<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => a / b;
}

internal readonly struct FusedMultiplyAdd<T> : IMap3<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c)
    {
        if (typeof(T) == typeof(float)) return Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()).As<float, T>();
        return Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).As<double, T>();
    }
}

/// <summary>a b + c in integers, low half.</summary>
internal readonly struct MultiplyAdd<T> : IMap3<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b, Vector512<T> c) => a * b + c;
}

internal readonly struct Negate<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => -a;
}

internal readonly struct Absolute<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => Vector512.Abs(a);
}

internal readonly struct SquareRoot<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => Vector512.Sqrt(a);
}

internal readonly struct Reciprocal<T> : IMap1<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a) => typeof(T) == typeof(float)
        ? (Vector512<float>.One / a.AsSingle()).As<float, T>()
        : (Vector512<double>.One / a.AsDouble()).As<double, T>();
}

/// <summary>The smaller; of floats a number rather than NaN, and -0 below +0.</summary>
internal readonly struct Smaller<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => typeof(T) == typeof(float) || typeof(T) == typeof(double)
        ? Vector512.MinNumber(a, b)
        : Vector512.Min(a, b);
}

/// <summary>The larger; of floats a number rather than NaN, and -0 below +0.</summary>
internal readonly struct Larger<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => typeof(T) == typeof(float) || typeof(T) == typeof(double)
        ? Vector512.MaxNumber(a, b)
        : Vector512.Max(a, b);
}

/// <summary>As <see cref="Smaller{T}"/>, but NaN wins (min.NaN).</summary>
internal readonly struct SmallerOrNan<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => Vector512.Min(a, b);
}

/// <summary>As <see cref="Larger{T}"/>, but NaN wins (max.NaN).</summary>
internal readonly struct LargerOrNan<T> : IMap2<T> where T : unmanaged
{
    public static Vector512<T> Invoke(Vector512<T> a, Vector512<T> b) => Vector512.Max(a, b);
}

/// <summary>.ftz: subnormal operands and results become zero of their sign.</summary>
internal readonly struct Flushed<TOp> : IMap1<float>, IMap2<float>, IMap3<float> where TOp : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Flush(Vector512<float> a)
    {
        var sign = a.AsUInt32() & Vector512.Create(0x80000000u);
        var isSubnormal = Vector512.LessThan(Vector512.Abs(a), Vector512.Create(1.17549435e-38f));
        return Vector512.ConditionalSelect(isSubnormal, sign.AsSingle(), a);
    }

    public static Vector512<float> Invoke(Vector512<float> a) => Flush(Call<TOp>.One(Flush(a)));

    public static Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => Flush(Call<TOp>.Two(Flush(a), Flush(b)));

    public static Vector512<float> Invoke(Vector512<float> a, Vector512<float> b, Vector512<float> c) =>
        Flush(Call<TOp>.Three(Flush(a), Flush(b), Flush(c)));
}

/// <summary>.sat: results are clamped to [0, 1], NaN becomes +0.</summary>
internal readonly struct Saturated<TOp> : IMap1<float>, IMap2<float>, IMap3<float> where TOp : struct
{
    private static Vector512<float> Clamp(Vector512<float> a)
    {
        var result = Vector512.ConditionalSelect(Vector512.GreaterThan(a, Vector512<float>.Zero), a, Vector512<float>.Zero);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(result, Vector512<float>.One), Vector512<float>.One, result);
    }

    public static Vector512<float> Invoke(Vector512<float> a) => Clamp(Call<TOp>.One(a));

    public static Vector512<float> Invoke(Vector512<float> a, Vector512<float> b) => Clamp(Call<TOp>.Two(a, b));

    public static Vector512<float> Invoke(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Clamp(Call<TOp>.Three(a, b, c));
}

/// <summary>Calls an operator whose number of operands the type system does not know: the type tests fold away.</summary>
internal static class Call<TOp> where TOp : struct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> One(Vector512<float> a)
    {
        if (typeof(TOp) == typeof(Negate<float>)) return Negate<float>.Invoke(a);
        if (typeof(TOp) == typeof(Absolute<float>)) return Absolute<float>.Invoke(a);
        if (typeof(TOp) == typeof(SquareRoot<float>)) return SquareRoot<float>.Invoke(a);
        if (typeof(TOp) == typeof(Reciprocal<float>)) return Reciprocal<float>.Invoke(a);
        throw new NotSupportedException(typeof(TOp).Name);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Two(Vector512<float> a, Vector512<float> b)
    {
        if (typeof(TOp) == typeof(Add<float>)) return a + b;
        if (typeof(TOp) == typeof(Subtract<float>)) return a - b;
        if (typeof(TOp) == typeof(Multiply<float>)) return a * b;
        if (typeof(TOp) == typeof(Divide<float>)) return a / b;
        if (typeof(TOp) == typeof(Smaller<float>)) return Smaller<float>.Invoke(a, b);
        if (typeof(TOp) == typeof(Larger<float>)) return Larger<float>.Invoke(a, b);
        if (typeof(TOp) == typeof(SmallerOrNan<float>)) return SmallerOrNan<float>.Invoke(a, b);
        if (typeof(TOp) == typeof(LargerOrNan<float>)) return LargerOrNan<float>.Invoke(a, b);
        if (typeof(TOp) == typeof(Flushed<Add<float>>)) return Flushed<Add<float>>.Invoke(a, b);
        if (typeof(TOp) == typeof(Flushed<Subtract<float>>)) return Flushed<Subtract<float>>.Invoke(a, b);
        if (typeof(TOp) == typeof(Flushed<Multiply<float>>)) return Flushed<Multiply<float>>.Invoke(a, b);
        throw new NotSupportedException(typeof(TOp).Name);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Three(Vector512<float> a, Vector512<float> b, Vector512<float> c)
    {
        if (typeof(TOp) == typeof(FusedMultiplyAdd<float>)) return FusedMultiplyAdd<float>.Invoke(a, b, c);
        if (typeof(TOp) == typeof(Flushed<FusedMultiplyAdd<float>>)) return Flushed<FusedMultiplyAdd<float>>.Invoke(a, b, c);
        throw new NotSupportedException(typeof(TOp).Name);
    }
}

/// <summary>The approximate functions, exact here but for the last rounding, which is within the error the ISA grants.</summary>
internal static class Approximate
{
    public readonly struct PowerOfTwo : ILane1<float, float>
    {
        public static float Invoke(float a) => (float)Math.Pow(2, a);
    }

    public readonly struct LogarithmOfTwo : ILane1<float, float>
    {
        public static float Invoke(float a) => (float)Math.Log2(a);
    }

    public readonly struct ReciprocalRoot : ILane1<float, float>, ILane1<double, double>
    {
        public static float Invoke(float a) => (float)(1 / Math.Sqrt(a));

        public static double Invoke(double a) => 1 / Math.Sqrt(a);
    }

    public readonly struct Sine : ILane1<float, float>
    {
        public static float Invoke(float a) => (float)Math.Sin(a);
    }

    public readonly struct Cosine : ILane1<float, float>
    {
        public static float Invoke(float a) => (float)Math.Cos(a);
    }

    public readonly struct HyperbolicTangent : ILane1<float, float>
    {
        public static float Invoke(float a) => (float)Math.Tanh(a);
    }

    /// <summary>rcp.approx.ftz.f64 looks only at the upper 32 bits and leaves the lower of the result zero.</summary>
    public readonly struct UpperReciprocal : ILane1<double, double>
    {
        public static double Invoke(double a)
        {
            var upper = BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(a) & 0xFFFFFFFF00000000);
            if (double.IsSubnormal(upper)) upper = double.CopySign(0, upper);
            var result = 1 / upper;
            if (double.IsSubnormal(result)) result = double.CopySign(0, result);
            return BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(result) & 0xFFFFFFFF00000000);
        }
    }

    /// <summary>div.approx: beyond 2^126 the divisor's reciprocal has underflowed.</summary>
    public readonly struct Quotient : ILane2<float, float, float>
    {
        public static float Invoke(float a, float b)
        {
            var size = MathF.Abs(b);
            if (size > 8.507059e37f && float.IsFinite(size)) return float.IsInfinity(a) ? float.NaN : float.IsNaN(a) ? a : float.CopySign(0, a) * MathF.Sign(b);
            return a / b;
        }
    }

    /// <summary>.ftz around a function of one operand.</summary>
    public readonly struct Flushing<TOp> : ILane1<float, float> where TOp : struct, ILane1<float, float>
    {
        public static float Invoke(float a) => Flush(TOp.Invoke(Flush(a)));
    }

    /// <summary>.ftz around a function of two operands.</summary>
    public readonly struct Flushing2<TOp> : ILane2<float, float, float> where TOp : struct, ILane2<float, float, float>
    {
        public static float Invoke(float a, float b) => Flush(TOp.Invoke(Flush(a), Flush(b)));
    }

    public static float Flush(float a) => float.IsSubnormal(a) ? float.CopySign(0, a) : a;
}

/// <summary>testp.</summary>
internal enum FloatClass { Finite, Infinite, Number, NotANumber, Normal, Subnormal }

internal static class FloatClasses
{
    public static bool Holds<T>(FloatClass which, T value) where T : unmanaged, IBinaryFloatingPointIeee754<T> => which switch
    {
        FloatClass.Finite => T.IsFinite(value),
        FloatClass.Infinite => T.IsInfinity(value),
        FloatClass.Number => !T.IsNaN(value),
        FloatClass.NotANumber => T.IsNaN(value),
        FloatClass.Normal => T.IsNormal(value),
        _ => T.IsSubnormal(value),
    };
}
