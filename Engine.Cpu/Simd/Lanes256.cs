using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>256-bit registers. For use where <see cref="Isa.Has256"/> holds.</summary>
internal readonly unsafe partial struct Lanes256<T> : ILanes<Lanes256<T>, T> where T : unmanaged
{
    private readonly Vector256<T> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes256(Vector256<T> v) => _v = v;

    /// <summary>The register.</summary>
    public Vector256<T> Vector
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count => Vector256<T>.Count;

    public static Lanes256<T> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Splat(T value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Const(double value) =>
        typeof(T) == typeof(float) ? new(Vector256.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector256.Create(value).As<double, T>())
        : typeof(T) == typeof(int) ? new(Vector256.Create((int)value).As<int, T>())
        : typeof(T) == typeof(long) ? new(Vector256.Create((long)value).As<long, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> ConstBits(ulong bits) =>
        sizeof(T) == 8 ? new(Vector256.Create(bits).As<ulong, T>())
        : sizeof(T) == 4 ? new(Vector256.Create((uint)bits).As<uint, T>())
        : sizeof(T) == 2 ? new(Vector256.Create((ushort)bits).As<ushort, T>())
        : new(Vector256.Create((byte)bits).As<byte, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Load(T* p) => new(Vector256.Load(p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> LoadPartial(T* p, int n)
    {
        if (Avx2.IsSupported && sizeof(T) == 4)
            return new(Avx2.MaskLoad((int*)p, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(n))).As<int, T>());
        if (Avx2.IsSupported && sizeof(T) == 8)
            return new(Avx2.MaskLoad((long*)p, Vector256.LessThan(Vector256<long>.Indices, Vector256.Create((long)n))).As<long, T>());
        return new(LoadBytes(p, n));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(Lanes256<T> v, T* p, int n)
    {
        if (Avx2.IsSupported && sizeof(T) == 4)
            Avx2.MaskStore((int*)p, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(n)), v._v.As<T, int>());
        else if (Avx2.IsSupported && sizeof(T) == 8)
            Avx2.MaskStore((long*)p, Vector256.LessThan(Vector256<long>.Indices, Vector256.Create((long)n)), v._v.As<T, long>());
        else
            StoreBytes(v._v, p, n);
    }

    // A register on the stack in between: masked access exists for elements of 4 and 8 bytes only.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector256<T> LoadBytes(T* p, int n)
    {
        Vector256<T> v = default;
        Unsafe.CopyBlockUnaligned(&v, p, (uint)(n * sizeof(T)));
        return v;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreBytes(Vector256<T> v, T* p, int n) =>
        Unsafe.CopyBlockUnaligned(p, &v, (uint)(n * sizeof(T)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes256<T> v, T* p) => v._v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(Lanes256<T> v, T* p) => v._v.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator +(Lanes256<T> a, Lanes256<T> b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator -(Lanes256<T> a, Lanes256<T> b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator *(Lanes256<T> a, Lanes256<T> b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator /(Lanes256<T> a, Lanes256<T> b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator -(Lanes256<T> a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator &(Lanes256<T> a, Lanes256<T> b) => new(a._v & b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator |(Lanes256<T> a, Lanes256<T> b) => new(a._v | b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator ^(Lanes256<T> a, Lanes256<T> b) => new(a._v ^ b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> operator ~(Lanes256<T> a) => new(~a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> AndNot(Lanes256<T> a, Lanes256<T> b) => new(Vector256.AndNot(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> MultiplyAdd(Lanes256<T> a, Lanes256<T> b, Lanes256<T> c) => typeof(T) == typeof(float)
        ? new(Vector256.FusedMultiplyAdd(a._v.As<T, float>(), b._v.As<T, float>(), c._v.As<T, float>()).As<float, T>())
        : new(Vector256.FusedMultiplyAdd(a._v.As<T, double>(), b._v.As<T, double>(), c._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Sqrt(Lanes256<T> a) => new(Vector256.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Abs(Lanes256<T> a) => new(Vector256.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Max(Lanes256<T> a, Lanes256<T> b) => new(Vector256.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Min(Lanes256<T> a, Lanes256<T> b) => new(Vector256.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> MaxNative(Lanes256<T> a, Lanes256<T> b) => new(Vector256.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> MinNative(Lanes256<T> a, Lanes256<T> b) => new(Vector256.MinNative(a._v, b._v));

    // The hardware minimum and maximum of x86 give their second operand where either is NaN; Arm's give NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Clamp(Lanes256<T> a, Lanes256<T> lo, Lanes256<T> hi) =>
        new(Vector256.MaxNative(lo._v, Vector256.MinNative(hi._v, a._v)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Equal(Lanes256<T> a, Lanes256<T> b) => new(Vector256.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Less(Lanes256<T> a, Lanes256<T> b) => new(Vector256.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> LessOrEqual(Lanes256<T> a, Lanes256<T> b) => new(Vector256.LessThanOrEqual(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> IsNaN(Lanes256<T> a) => new(Vector256.IsNaN(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Select(Lanes256<T> mask, Lanes256<T> a, Lanes256<T> b) =>
        new(Vector256.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes256<T> mask) => mask._v.ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes256<T> mask) => mask._v.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Lanes256<T> mask, byte* p)
    {
        if (sizeof(T) == 1) (mask._v.As<T, byte>() & Vector256.Create((byte)1)).Store(p);
        else ByteSpread.Store(mask._v.ExtractMostSignificantBits(), p, Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> LoadMask(byte* p)
    {
        if (sizeof(T) == 4) return new(~Vector256.Equals(Avx2.ConvertToVector256Int32(Vector128.CreateScalar(*(ulong*)p).AsByte()), default).As<int, T>());
        if (sizeof(T) == 8) return new(~Vector256.Equals(Avx2.ConvertToVector256Int64(Vector128.CreateScalar(*(uint*)p).AsByte()), default).As<long, T>());
        if (sizeof(T) == 2) return new(~Vector256.Equals(Avx2.ConvertToVector256Int16(Vector128.Load(p)), default).As<short, T>());
        return new(~Vector256.Equals(Vector256.Load(p), default).As<byte, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Round(Lanes256<T> a) => typeof(T) == typeof(float)
        ? new(Vector256.Round(a._v.As<T, float>()).As<float, T>())
        : new(Vector256.Round(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Floor(Lanes256<T> a) => typeof(T) == typeof(float)
        ? new(Vector256.Floor(a._v.As<T, float>()).As<float, T>())
        : new(Vector256.Floor(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Ceiling(Lanes256<T> a) => typeof(T) == typeof(float)
        ? new(Vector256.Ceiling(a._v.As<T, float>()).As<float, T>())
        : new(Vector256.Ceiling(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Truncate(Lanes256<T> a) => typeof(T) == typeof(float)
        ? new(Vector256.Truncate(a._v.As<T, float>()).As<float, T>())
        : new(Vector256.Truncate(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> Scale(Lanes256<T> a, Lanes256<T> n)
    {
        // Two factors 2^m from exponent fields; a factor of its own for each half keeps both in range, and all products
        // but the last are exact.
        var half = Floor(n * Const(0.5));
        return a * LaneMath.PowerOfTwo<Lanes256<T>, T>(half) * LaneMath.PowerOfTwo<Lanes256<T>, T>(n - half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> AddBits(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() + b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() + b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> SubtractBits(Lanes256<T> a, Lanes256<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() - b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() - b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> ShiftLeft(Lanes256<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() << count).As<uint, T>())
        : new((a._v.As<T, ulong>() << count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes256<T> ShiftRight(Lanes256<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() >>> count).As<uint, T>())
        : new((a._v.As<T, ulong>() >>> count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sum(Lanes256<T> a) => Lanes128<T>.Sum(new(a._v.GetLower() + a._v.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasNaN(Lanes256<T> a) => (typeof(T) == typeof(float) || typeof(T) == typeof(double)) && !Vector256.EqualsAll(a._v, a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MaxLane(Lanes256<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MaxNumber(a);

    /// <summary><see cref="MaxLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MaxNumber(Lanes256<T> a) => Lanes128<T>.MaxNumber(new(Vector128.MaxNative(a._v.GetLower(), a._v.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MinLane(Lanes256<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MinNumber(a);

    /// <summary><see cref="MinLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MinNumber(Lanes256<T> a) => Lanes128<T>.MinNumber(new(Vector128.MinNative(a._v.GetLower(), a._v.GetUpper())));
}
