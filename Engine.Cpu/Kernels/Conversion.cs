using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Runs of elements from one dtype into another, each value rounded once: to nearest even between floats, toward
/// zero from floats to integers (with NaN to 0 and values out of range to the nearest integer there is), modulo 2ⁿ
/// between integers.</summary>
/// <remarks>Where System.Numerics.Tensors has the conversion it is used: it is vectorised for the pairs that matter.
/// bfloat16 is the upper half of a float; it is not known there.</remarks>
internal static unsafe class Conversion
{
    private const int Block = 256;

    /// <summary>The conversion of n elements from one place to another; not for equal dtypes and not to bool.</summary>
    public static delegate*<byte*, byte*, int, void> Between(DType from, DType to) => from switch
    {
        DType.Float32 => To<float>(to),
        DType.Float64 => To<double>(to),
        DType.Int32 => To<int>(to),
        DType.Int64 => To<long>(to),
        DType.Bool => To<byte>(to),
        DType.BFloat16 => to switch
        {
            DType.Float32 => &BFloat16ToSingle,
            DType.Float64 => &FromBFloat16<double>,
            DType.Float16 => &FromBFloat16<Half>,
            DType.Int32 => &FromBFloat16<int>,
            _ => &FromBFloat16<long>,
        },
        _ => to switch
        {
            DType.Float32 => &HalfToSingle,
            DType.Float64 => &FromHalf<double>,
            DType.BFloat16 => &HalfToBFloat16,
            DType.Int32 => &FromHalf<int>,
            _ => &FromHalf<long>,
        },
    };

    private static delegate*<byte*, byte*, int, void> To<TFrom>(DType to) where TFrom : unmanaged, INumber<TFrom> => to switch
    {
        DType.Float32 => &Numbers<TFrom, float>,
        DType.Float64 => &Numbers<TFrom, double>,
        DType.Int32 => &Numbers<TFrom, int>,
        DType.Int64 => &Numbers<TFrom, long>,
        DType.Float16 when typeof(TFrom) == typeof(float) => &SingleToHalf,
        DType.Float16 => &Numbers<TFrom, Half>,
        _ when typeof(TFrom) == typeof(float) => &SingleToBFloat16,
        _ => &ToBFloat16<TFrom>,
    };

    private static void Numbers<TFrom, TTo>(byte* x, byte* y, int n)
        where TFrom : unmanaged, INumber<TFrom>
        where TTo : unmanaged, INumber<TTo> =>
        TensorPrimitives.ConvertTruncating(new ReadOnlySpan<TFrom>(x, n), new Span<TTo>(y, n));

    /// <summary>f16 to f32, exact.</summary>
    public static void HalfToSingle(byte* x, byte* y, int n) =>
        TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(x, n), new Span<float>(y, n));

    private static void SingleToHalf(byte* x, byte* y, int n) =>
        TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(x, n), new Span<Half>(y, n));

    /// <summary>bf16 to f32, exact.</summary>
    public static void BFloat16ToSingle(byte* x, byte* y, int n)
    {
        var from = (ushort*)x;
        var to = (uint*)y;
        var i = 0;
        for (; i + 8 <= n; i += 8)
        {
            var v = Vector128.Load(from + i);
            (Vector128.WidenLower(v) << 16).Store(to + i);
            (Vector128.WidenUpper(v) << 16).Store(to + i + 4);
        }

        for (; i < n; i++) to[i] = (uint)from[i] << 16;
    }

    /// <summary>f32 to bf16, to nearest even.</summary>
    public static void SingleToBFloat16(byte* x, byte* y, int n)
    {
        var from = (float*)x;
        var to = (ushort*)y;
        var i = 0;
        for (; i + 16 <= n; i += 16)
            Vector256.Narrow(Round(Vector256.Load(from + i)), Round(Vector256.Load(from + i + 8))).Store(to + i);
        for (; i < n; i++) to[i] = ElementBits.RoundToBFloat16(from[i]);

        static Vector256<uint> Round(Vector256<float> x)
        {
            var bits = x.AsUInt32();
            var high = bits >>> 16;
            var rounded = (bits + Vector256.Create(0x7fffu) + (high & Vector256<uint>.One)) >>> 16;
            return Vector256.ConditionalSelect(Vector256.Equals(x, x).AsUInt32(), rounded, high | Vector256.Create(0x40u));
        }
    }

    private static void ToBFloat16<TFrom>(byte* x, byte* y, int n) where TFrom : unmanaged, INumber<TFrom>
    {
        var from = (TFrom*)x;
        var to = (ushort*)y;
        for (var i = 0; i < n; i++)
            to[i] = typeof(TFrom) == typeof(long)
                ? ElementBits.RoundToBFloat16(Sticky(((long*)from)[i]))
                : ElementBits.RoundToBFloat16(double.CreateTruncating(from[i]));
    }

    // Beyond 2^53 the low bits of an integer become one bit that says whether there were any: enough to round by.
    private static double Sticky(long x) => Math.Abs((double)x) < 1L << 53 ? x : ((x >> 12) | ((x & 4095) != 0 ? 1L : 0)) * 4096.0;

    private static void FromHalf<TTo>(byte* x, byte* y, int n) where TTo : unmanaged, INumber<TTo> =>
        ThroughSingle<TTo>(x, y, n, &HalfToSingle, &Numbers<float, TTo>);

    private static void FromBFloat16<TTo>(byte* x, byte* y, int n) where TTo : unmanaged, INumber<TTo> =>
        ThroughSingle<TTo>(x, y, n, &BFloat16ToSingle, typeof(TTo) == typeof(Half) ? &SingleToHalf : &Numbers<float, TTo>);

    private static void HalfToBFloat16(byte* x, byte* y, int n) => ThroughSingle<ushort>(x, y, n, &HalfToSingle, &SingleToBFloat16);

    /// <summary>Two conversions, the first exact, over elements of 2 bytes.</summary>
    [SkipLocalsInit]
    private static void ThroughSingle<TTo>(byte* x, byte* y, int n, delegate*<byte*, byte*, int, void> first, delegate*<byte*, byte*, int, void> second)
        where TTo : unmanaged
    {
        var block = stackalloc float[Block];
        for (var i = 0; i < n; i += Block)
        {
            var count = Math.Min(Block, n - i);
            first(x + 2 * i, (byte*)block, count);
            second((byte*)block, (byte*)((TTo*)y + i), count);
        }
    }
}
