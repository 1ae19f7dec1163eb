using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>128-bit registers, on every machine: SSE or AdvSimd, or scalar code where there is neither.</summary>
internal readonly unsafe partial struct Lanes128<T> : ILanes<Lanes128<T>, T> where T : unmanaged
{
    private readonly Vector128<T> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes128(Vector128<T> v) => _v = v;

    /// <summary>The register.</summary>
    public Vector128<T> Vector
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count => Vector128<T>.Count;

    public static Lanes128<T> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Splat(T value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Const(double value) =>
        typeof(T) == typeof(float) ? new(Vector128.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector128.Create(value).As<double, T>())
        : typeof(T) == typeof(int) ? new(Vector128.Create((int)value).As<int, T>())
        : typeof(T) == typeof(long) ? new(Vector128.Create((long)value).As<long, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> ConstBits(ulong bits) =>
        sizeof(T) == 8 ? new(Vector128.Create(bits).As<ulong, T>())
        : sizeof(T) == 4 ? new(Vector128.Create((uint)bits).As<uint, T>())
        : sizeof(T) == 2 ? new(Vector128.Create((ushort)bits).As<ushort, T>())
        : new(Vector128.Create((byte)bits).As<byte, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Load(T* p) => new(Vector128.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> LoadPartial(T* p, int n)
    {
        if (Avx2.IsSupported && sizeof(T) == 4)
            return new(Avx2.MaskLoad((int*)p, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(n))).As<int, T>());
        if (Avx2.IsSupported && sizeof(T) == 8)
            return new(Avx2.MaskLoad((long*)p, Vector128.LessThan(Vector128<long>.Indices, Vector128.Create((long)n))).As<long, T>());
        return new(LoadBytes(p, n));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(Lanes128<T> v, T* p, int n)
    {
        if (Avx2.IsSupported && sizeof(T) == 4)
            Avx2.MaskStore((int*)p, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(n)), v._v.As<T, int>());
        else if (Avx2.IsSupported && sizeof(T) == 8)
            Avx2.MaskStore((long*)p, Vector128.LessThan(Vector128<long>.Indices, Vector128.Create((long)n)), v._v.As<T, long>());
        else
            StoreBytes(v._v, p, n);
    }

    // A register on the stack in between: masked access exists for elements of 4 and 8 bytes only.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector128<T> LoadBytes(T* p, int n)
    {
        Vector128<T> v = default;
        Unsafe.CopyBlockUnaligned(&v, p, (uint)(n * sizeof(T)));
        return v;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreBytes(Vector128<T> v, T* p, int n) =>
        Unsafe.CopyBlockUnaligned(p, &v, (uint)(n * sizeof(T)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes128<T> v, T* p) => v._v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(Lanes128<T> v, T* p) => v._v.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator +(Lanes128<T> a, Lanes128<T> b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator -(Lanes128<T> a, Lanes128<T> b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator *(Lanes128<T> a, Lanes128<T> b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator /(Lanes128<T> a, Lanes128<T> b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator -(Lanes128<T> a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator &(Lanes128<T> a, Lanes128<T> b) => new(a._v & b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator |(Lanes128<T> a, Lanes128<T> b) => new(a._v | b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator ^(Lanes128<T> a, Lanes128<T> b) => new(a._v ^ b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> operator ~(Lanes128<T> a) => new(~a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> AndNot(Lanes128<T> a, Lanes128<T> b) => new(Vector128.AndNot(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> MultiplyAdd(Lanes128<T> a, Lanes128<T> b, Lanes128<T> c) => typeof(T) == typeof(float)
        ? new(Vector128.FusedMultiplyAdd(a._v.As<T, float>(), b._v.As<T, float>(), c._v.As<T, float>()).As<float, T>())
        : new(Vector128.FusedMultiplyAdd(a._v.As<T, double>(), b._v.As<T, double>(), c._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Sqrt(Lanes128<T> a) => new(Vector128.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Abs(Lanes128<T> a) => new(Vector128.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Max(Lanes128<T> a, Lanes128<T> b) => new(Vector128.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Min(Lanes128<T> a, Lanes128<T> b) => new(Vector128.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> MaxNative(Lanes128<T> a, Lanes128<T> b) => new(Vector128.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> MinNative(Lanes128<T> a, Lanes128<T> b) => new(Vector128.MinNative(a._v, b._v));

    // The hardware minimum and maximum of x86 give their second operand where either is NaN; Arm's give NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Clamp(Lanes128<T> a, Lanes128<T> lo, Lanes128<T> hi) =>
        new(Vector128.MaxNative(lo._v, Vector128.MinNative(hi._v, a._v)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Equal(Lanes128<T> a, Lanes128<T> b) => new(Vector128.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Less(Lanes128<T> a, Lanes128<T> b) => new(Vector128.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> LessOrEqual(Lanes128<T> a, Lanes128<T> b) => new(Vector128.LessThanOrEqual(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> IsNaN(Lanes128<T> a) => new(Vector128.IsNaN(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Select(Lanes128<T> mask, Lanes128<T> a, Lanes128<T> b) =>
        new(Vector128.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes128<T> mask) => mask._v.ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes128<T> mask) => mask._v.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Lanes128<T> mask, byte* p)
    {
        if (sizeof(T) == 1) (mask._v.As<T, byte>() & Vector128.Create((byte)1)).Store(p);
        else ByteSpread.Store(mask._v.ExtractMostSignificantBits(), p, Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> LoadMask(byte* p)
    {
        if (sizeof(T) == 1) return new(~Vector128.Equals(Vector128.Load(p), default).As<byte, T>());
        if (sizeof(T) == 2) return new(~Vector128.Equals(Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)p).AsByte()), default).As<ushort, T>());
        if (sizeof(T) == 4) return new(~Vector128.Equals(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(*(uint*)p).AsByte())), default).As<uint, T>());
        var four = Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalar(*(ushort*)p).AsByte()));
        return new(~Vector128.Equals(Vector128.WidenLower(four), default).As<ulong, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Round(Lanes128<T> a) => typeof(T) == typeof(float)
        ? new(Vector128.Round(a._v.As<T, float>()).As<float, T>())
        : new(Vector128.Round(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Floor(Lanes128<T> a) => typeof(T) == typeof(float)
        ? new(Vector128.Floor(a._v.As<T, float>()).As<float, T>())
        : new(Vector128.Floor(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Ceiling(Lanes128<T> a) => typeof(T) == typeof(float)
        ? new(Vector128.Ceiling(a._v.As<T, float>()).As<float, T>())
        : new(Vector128.Ceiling(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Truncate(Lanes128<T> a) => typeof(T) == typeof(float)
        ? new(Vector128.Truncate(a._v.As<T, float>()).As<float, T>())
        : new(Vector128.Truncate(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> Scale(Lanes128<T> a, Lanes128<T> n)
    {
        // Two factors 2^m from exponent fields; a factor of its own for each half keeps both in range, and all products
        // but the last are exact.
        var half = Floor(n * Const(0.5));
        return a * LaneMath.PowerOfTwo<Lanes128<T>, T>(half) * LaneMath.PowerOfTwo<Lanes128<T>, T>(n - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> AddBits(Lanes128<T> a, Lanes128<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() + b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() + b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> SubtractBits(Lanes128<T> a, Lanes128<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() - b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() - b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> ShiftLeft(Lanes128<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() << count).As<uint, T>())
        : new((a._v.As<T, ulong>() << count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes128<T> ShiftRight(Lanes128<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() >>> count).As<uint, T>())
        : new((a._v.As<T, ulong>() >>> count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sum(Lanes128<T> a)
    {
        var v = a._v + SwapHalves(a._v);
        return (sizeof(T) == 8 ? v : v + SwapPairs(v)).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasNaN(Lanes128<T> a) => (typeof(T) == typeof(float) || typeof(T) == typeof(double)) && !Vector128.EqualsAll(a._v, a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MaxLane(Lanes128<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MaxNumber(a);

    /// <summary><see cref="MaxLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MaxNumber(Lanes128<T> a)
    {
        var v = Vector128.MaxNative(a._v, SwapHalves(a._v));
        return (sizeof(T) == 8 ? v : Vector128.MaxNative(v, SwapPairs(v))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MinLane(Lanes128<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MinNumber(a);

    /// <summary><see cref="MinLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MinNumber(Lanes128<T> a)
    {
        var v = Vector128.MinNative(a._v, SwapHalves(a._v));
        return (sizeof(T) == 8 ? v : Vector128.MinNative(v, SwapPairs(v))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> SwapHalves(Vector128<T> v) =>
        Vector128.Shuffle(v.As<T, ulong>(), Vector128.Create(1UL, 0UL)).As<ulong, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<T> SwapPairs(Vector128<T> v) =>
        Vector128.Shuffle(v.As<T, uint>(), Vector128.Create(1U, 0U, 3U, 2U)).As<uint, T>();
}
