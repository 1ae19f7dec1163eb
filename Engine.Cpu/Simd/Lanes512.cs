using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

/// <summary>512-bit registers. For use where <see cref="Isa.Has512"/> holds.</summary>
internal readonly unsafe partial struct Lanes512<T> : ILanes<Lanes512<T>, T> where T : unmanaged
{
    private readonly Vector512<T> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Lanes512(Vector512<T> v) => _v = v;

    /// <summary>The register.</summary>
    public Vector512<T> Vector
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count => Vector512<T>.Count;

    public static Lanes512<T> Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Splat(T value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Const(double value) =>
        typeof(T) == typeof(float) ? new(Vector512.Create((float)value).As<float, T>())
        : typeof(T) == typeof(double) ? new(Vector512.Create(value).As<double, T>())
        : typeof(T) == typeof(int) ? new(Vector512.Create((int)value).As<int, T>())
        : typeof(T) == typeof(long) ? new(Vector512.Create((long)value).As<long, T>())
        : throw new NotSupportedException();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> ConstBits(ulong bits) =>
        sizeof(T) == 8 ? new(Vector512.Create(bits).As<ulong, T>())
        : sizeof(T) == 4 ? new(Vector512.Create((uint)bits).As<uint, T>())
        : sizeof(T) == 2 ? new(Vector512.Create((ushort)bits).As<ushort, T>())
        : new(Vector512.Create((byte)bits).As<byte, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Load(T* p) => new(Vector512.Load(p));

    // The mask holds the lanes whose index is below n: only these touch memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> LoadPartial(T* p, int n)
    {
        if (sizeof(T) == 4)
            return new(Avx512F.MaskLoad((uint*)p, Vector512.LessThan(Vector512<uint>.Indices, Vector512.Create((uint)n)), default).As<uint, T>());
        if (sizeof(T) == 8)
            return new(Avx512F.MaskLoad((ulong*)p, Vector512.LessThan(Vector512<ulong>.Indices, Vector512.Create((ulong)n)), default).As<ulong, T>());
        if (sizeof(T) == 2)
            return new(Avx512BW.MaskLoad((ushort*)p, Vector512.LessThan(Vector512<ushort>.Indices, Vector512.Create((ushort)n)), default).As<ushort, T>());
        return new(Avx512BW.MaskLoad((byte*)p, Vector512.LessThan(Vector512<byte>.Indices, Vector512.Create((byte)n)), default).As<byte, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(Lanes512<T> v, T* p, int n)
    {
        if (sizeof(T) == 4)
            Avx512F.MaskStore((uint*)p, Vector512.LessThan(Vector512<uint>.Indices, Vector512.Create((uint)n)), v._v.As<T, uint>());
        else if (sizeof(T) == 8)
            Avx512F.MaskStore((ulong*)p, Vector512.LessThan(Vector512<ulong>.Indices, Vector512.Create((ulong)n)), v._v.As<T, ulong>());
        else if (sizeof(T) == 2)
            Avx512BW.MaskStore((ushort*)p, Vector512.LessThan(Vector512<ushort>.Indices, Vector512.Create((ushort)n)), v._v.As<T, ushort>());
        else
            Avx512BW.MaskStore((byte*)p, Vector512.LessThan(Vector512<byte>.Indices, Vector512.Create((byte)n)), v._v.As<T, byte>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Lanes512<T> v, T* p) => v._v.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreNonTemporal(Lanes512<T> v, T* p) => v._v.StoreAlignedNonTemporal(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator +(Lanes512<T> a, Lanes512<T> b) => new(a._v + b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator -(Lanes512<T> a, Lanes512<T> b) => new(a._v - b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator *(Lanes512<T> a, Lanes512<T> b) => new(a._v * b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator /(Lanes512<T> a, Lanes512<T> b) => new(a._v / b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator -(Lanes512<T> a) => new(-a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator &(Lanes512<T> a, Lanes512<T> b) => new(a._v & b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator |(Lanes512<T> a, Lanes512<T> b) => new(a._v | b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator ^(Lanes512<T> a, Lanes512<T> b) => new(a._v ^ b._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> operator ~(Lanes512<T> a) => new(~a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> AndNot(Lanes512<T> a, Lanes512<T> b) => new(Vector512.AndNot(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> MultiplyAdd(Lanes512<T> a, Lanes512<T> b, Lanes512<T> c) => typeof(T) == typeof(float)
        ? new(Vector512.FusedMultiplyAdd(a._v.As<T, float>(), b._v.As<T, float>(), c._v.As<T, float>()).As<float, T>())
        : new(Vector512.FusedMultiplyAdd(a._v.As<T, double>(), b._v.As<T, double>(), c._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Sqrt(Lanes512<T> a) => new(Vector512.Sqrt(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Abs(Lanes512<T> a) => new(Vector512.Abs(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Max(Lanes512<T> a, Lanes512<T> b) => new(Vector512.Max(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Min(Lanes512<T> a, Lanes512<T> b) => new(Vector512.Min(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> MaxNative(Lanes512<T> a, Lanes512<T> b) => new(Vector512.MaxNative(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> MinNative(Lanes512<T> a, Lanes512<T> b) => new(Vector512.MinNative(a._v, b._v));

    // The hardware minimum and maximum of x86 give their second operand where either is NaN; Arm's give NaN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Clamp(Lanes512<T> a, Lanes512<T> lo, Lanes512<T> hi) =>
        new(Vector512.MaxNative(lo._v, Vector512.MinNative(hi._v, a._v)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Equal(Lanes512<T> a, Lanes512<T> b) => new(Vector512.Equals(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Less(Lanes512<T> a, Lanes512<T> b) => new(Vector512.LessThan(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> LessOrEqual(Lanes512<T> a, Lanes512<T> b) => new(Vector512.LessThanOrEqual(a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> IsNaN(Lanes512<T> a) => new(Vector512.IsNaN(a._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Select(Lanes512<T> mask, Lanes512<T> a, Lanes512<T> b) =>
        new(Vector512.ConditionalSelect(mask._v, a._v, b._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Any(Lanes512<T> mask) => mask._v.ExtractMostSignificantBits() != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Bits(Lanes512<T> mask) => mask._v.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreMask(Lanes512<T> mask, byte* p)
    {
        if (sizeof(T) == 4) (Avx512F.ConvertToVector128Byte(mask._v.As<T, uint>()) & Vector128.Create((byte)1)).Store(p);
        else if (sizeof(T) == 8) *(ulong*)p = Avx512F.ConvertToVector128Byte(mask._v.As<T, ulong>()).AsUInt64().ToScalar() & ByteSpread.Ones;
        else if (sizeof(T) == 2) (Avx512BW.ConvertToVector256Byte(mask._v.As<T, ushort>()) & Vector256.Create((byte)1)).Store(p);
        else (mask._v.As<T, byte>() & Vector512.Create((byte)1)).Store(p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> LoadMask(byte* p)
    {
        if (sizeof(T) == 4) return new(~Vector512.Equals(Avx512F.ConvertToVector512Int32(Vector128.Load(p)), default).As<int, T>());
        if (sizeof(T) == 8) return new(~Vector512.Equals(Avx512F.ConvertToVector512Int64(Vector128.CreateScalar(*(ulong*)p).AsByte()), default).As<long, T>());
        if (sizeof(T) == 2) return new(~Vector512.Equals(Avx512BW.ConvertToVector512Int16(Vector256.Load(p)), default).As<short, T>());
        return new(~Vector512.Equals(Vector512.Load(p), default).As<byte, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Round(Lanes512<T> a) => typeof(T) == typeof(float)
        ? new(Vector512.Round(a._v.As<T, float>()).As<float, T>())
        : new(Vector512.Round(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Floor(Lanes512<T> a) => typeof(T) == typeof(float)
        ? new(Vector512.Floor(a._v.As<T, float>()).As<float, T>())
        : new(Vector512.Floor(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Ceiling(Lanes512<T> a) => typeof(T) == typeof(float)
        ? new(Vector512.Ceiling(a._v.As<T, float>()).As<float, T>())
        : new(Vector512.Ceiling(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Truncate(Lanes512<T> a) => typeof(T) == typeof(float)
        ? new(Vector512.Truncate(a._v.As<T, float>()).As<float, T>())
        : new(Vector512.Truncate(a._v.As<T, double>()).As<double, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Scale(Lanes512<T> a, Lanes512<T> n)
    {
        return typeof(T) == typeof(float)
            ? new(Avx512F.Scale(a._v.As<T, float>(), n._v.As<T, float>()).As<float, T>())
            : new(Avx512F.Scale(a._v.As<T, double>(), n._v.As<T, double>()).As<double, T>());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> AddBits(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() + b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() + b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> SubtractBits(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() - b._v.As<T, uint>()).As<uint, T>())
        : new((a._v.As<T, ulong>() - b._v.As<T, ulong>()).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> ShiftLeft(Lanes512<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() << count).As<uint, T>())
        : new((a._v.As<T, ulong>() << count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> ShiftRight(Lanes512<T> a, int count) => sizeof(T) == 4
        ? new((a._v.As<T, uint>() >>> count).As<uint, T>())
        : new((a._v.As<T, ulong>() >>> count).As<ulong, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sum(Lanes512<T> a) => Lanes256<T>.Sum(new(a._v.GetLower() + a._v.GetUpper()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasNaN(Lanes512<T> a) => (typeof(T) == typeof(float) || typeof(T) == typeof(double)) && !Vector512.EqualsAll(a._v, a._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MaxLane(Lanes512<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MaxNumber(a);

    /// <summary><see cref="MaxLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MaxNumber(Lanes512<T> a) => Lanes256<T>.MaxNumber(new(Vector256.MaxNative(a._v.GetLower(), a._v.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T MinLane(Lanes512<T> a) => HasNaN(a) ? Const(double.NaN)._v.ToScalar() : MinNumber(a);

    /// <summary><see cref="MinLane"/> of lanes without NaN, by the machine's own instruction.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T MinNumber(Lanes512<T> a) => Lanes256<T>.MinNumber(new(Vector256.MinNative(a._v.GetLower(), a._v.GetUpper())));
}
