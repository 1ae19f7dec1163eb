using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Edifice.Engine.Cpu.Simd;

internal readonly unsafe partial struct Lanes512<T>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> ZipLow(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new(Avx512F.PermuteVar16x32x2(a._v.As<T, int>(), Vector512.Create(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b._v.As<T, int>()).As<int, T>())
        : new(Avx512F.PermuteVar8x64x2(a._v.As<T, long>(), Vector512.Create(0L, 8, 1, 9, 2, 10, 3, 11), b._v.As<T, long>()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> ZipHigh(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new(Avx512F.PermuteVar16x32x2(a._v.As<T, int>(), Vector512.Create(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b._v.As<T, int>()).As<int, T>())
        : new(Avx512F.PermuteVar8x64x2(a._v.As<T, long>(), Vector512.Create(4L, 12, 5, 13, 6, 14, 7, 15), b._v.As<T, long>()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> UnzipEven(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new(Avx512F.PermuteVar16x32x2(a._v.As<T, int>(), Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b._v.As<T, int>()).As<int, T>())
        : new(Avx512F.PermuteVar8x64x2(a._v.As<T, long>(), Vector512.Create(0L, 2, 4, 6, 8, 10, 12, 14), b._v.As<T, long>()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> UnzipOdd(Lanes512<T> a, Lanes512<T> b) => sizeof(T) == 4
        ? new(Avx512F.PermuteVar16x32x2(a._v.As<T, int>(), Vector512.Create(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31), b._v.As<T, int>()).As<int, T>())
        : new(Avx512F.PermuteVar8x64x2(a._v.As<T, long>(), Vector512.Create(1L, 3, 5, 7, 9, 11, 13, 15), b._v.As<T, long>()).As<long, T>());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512<T> Reverse(Lanes512<T> a) => sizeof(T) == 4
        ? new(Vector512.Shuffle(a._v.As<T, int>(), Vector512.Create(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)).As<int, T>())
        : new(Vector512.Shuffle(a._v.As<T, long>(), Vector512.Create(7L, 6, 5, 4, 3, 2, 1, 0)).As<long, T>());
}
